"""The most probable classes of a photo, and whether the prediction is unsure."""

from dataclasses import dataclass

from torch import Tensor

from fmnist_pl.data.facts import CLASSES

UNSURE_BELOW = 0.55  # probability of the first class below which the prediction is unsure: docs/use.md#photos
BLANK_BELOW = 4.0  # mean brightness (0 to 255) below which an image shows almost nothing
TOP = 3  # number of classes in a verdict


@dataclass(frozen=True)
class Verdict:
    """The most probable classes of an image with their probabilities."""

    top: list[tuple[str, float]]
    unsure: str
    """Why the first class may be wrong; empty if there is no reason for doubt."""

    @property
    def text(self) -> str:
        """Short text: ``Sneaker 97%``, or ``unsure (Sneaker 31%)``."""
        name, probability = self.top[0]
        first = f"{name} {probability:.0%}"
        return f"unsure ({first})" if self.unsure else first


def verdicts_of(images: Tensor, probabilities: Tensor) -> list[Verdict]:
    """Make the verdict of each image.

    Args:
        images: Input of the network before normalisation, uint8 (N, 1, 28, 28).
        probabilities: Output of the network, float (N, 10).
    """
    return [_verdict_of(image, row) for image, row in zip(images, probabilities, strict=True)]


def _verdict_of(image: Tensor, probabilities: Tensor) -> Verdict:
    values, indices = probabilities.topk(TOP)
    top = [(CLASSES[index], value) for index, value in zip(indices.tolist(), values.tolist(), strict=True)]
    unsure = ""
    if image.float().mean() < BLANK_BELOW:
        unsure = "nothing stands out from the background"
    elif top[0][1] < UNSURE_BELOW:
        unsure = f"no class reaches {UNSURE_BELOW:.0%}"
    return Verdict(top, unsure)
