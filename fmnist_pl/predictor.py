"""Use a trained classifier from Python: pixels in, classes and probabilities out.

    from fmnist_pl.predictor import Predictor

    classes, probabilities = Predictor.shipped().predict(images)

Lightning is not imported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError

BATCH = 1000
"""Images per forward pass, so that any number of images takes bounded memory."""


class Predictions(NamedTuple):
    """Class names (N) and float32 probabilities (N, 10) that sum to 1."""

    classes: list[str]
    probabilities: Tensor


class Predictor:
    """A classifier on the CPU, in float32."""

    def __init__(self, run: Callable[[Tensor], Tensor]) -> None:
        """Wrap a function that classifies.

        Args:
            run: Maps pixels, uint8 (N, 1, 28, 28), to probabilities (N, 10).

        Raises:
            UserError: It does not return ten probabilities.
        """
        self._run = run
        probabilities = self.probabilities(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8))
        found = probabilities.shape[1]
        if found != len(CLASSES):
            raise UserError(
                f"this model distinguishes {found} classes: give one of the {len(CLASSES)} of Fashion-MNIST"
            )
        if not bool(probabilities.isfinite().all()):
            raise UserError("this model's probabilities are not finite: give one whose training did not diverge")

    @classmethod
    def shipped(cls) -> "Predictor":
        """The weights in the package (their model card is in fmnist_pl/weights)."""
        from fmnist_pl.weights import SHIPPED

        return cls.from_export(SHIPPED)

    @classmethod
    def from_checkpoint(cls, path: Path | str) -> "Predictor":
        """A checkpoint of ``train.py fit``.

        Raises:
            UserError: There is no such file, or it is not such a checkpoint.
        """
        from fmnist_pl.networks.from_pixels import FromPixels
        from fmnist_pl.networks.saved import read_checkpoint

        return cls(FromPixels(read_checkpoint(Path(path)).network()))

    @classmethod
    def from_export(cls, path: Path | str, trusted: bool = False) -> "Predictor":
        """A file of ``python -m fmnist_pl.export``: ``.safetensors``, ``.onnx`` or ``.pt2``.

        Args:
            path: The file; its ending says the format.
            trusted: Allow a ``.pt2`` that you made yourself: torch.export.load runs code in such a file.

        Raises:
            UserError: There is no such file, it is broken, or it must be trusted first.
        """
        from fmnist_pl.export.read import read_export

        return cls(read_export(Path(path), trusted))

    def predict(self, images: Tensor | NDArray[Any]) -> Predictions:
        """Classify images.

        Args:
            images: uint8 pixels 0 to 255, a bright object on black: (N, 1, 28, 28), (N, 28, 28) or (28, 28).

        Raises:
            UserError: They have another shape or type.
        """
        probabilities = self.probabilities(_as_batch(images))
        return Predictions([CLASSES[index] for index in probabilities.argmax(dim=1).tolist()], probabilities)

    def probabilities(self, images: Tensor) -> Tensor:
        """Float32 probabilities (N, 10) of uint8 images (N, 1, 28, 28)."""
        with torch.inference_mode():
            return torch.cat([self._run(batch) for batch in images.split(BATCH)])


def _as_batch(images: Tensor | NDArray[Any]) -> Tensor:
    batch = torch.as_tensor(images)
    if batch.dtype != torch.uint8 or batch.ndim not in (2, 3, 4) or batch.shape[-2:] != (IMAGE_SIZE, IMAGE_SIZE):
        kind = str(batch.dtype).removeprefix("torch.")
        raise UserError(f"images are {kind} {tuple(batch.shape)}: give uint8 (N, 28, 28), pixels 0 to 255")
    if batch.ndim == 4 and batch.shape[1] != 1:
        raise UserError(f"images have {batch.shape[1]} channels: give grey ones, (N, 1, 28, 28)")
    return batch.reshape(-1, 1, IMAGE_SIZE, IMAGE_SIZE)
