"""Check an exported file: read it back and compare it with the network on the test images."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import TrainAndTest
from fmnist_pl.data.source import load
from fmnist_pl.data.split import split
from fmnist_pl.errors import UserError
from fmnist_pl.export.int8 import CALIBRATION_IMAGES
from fmnist_pl.export.read import read_export
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import Checkpoint
from fmnist_pl.predictor import Predictor

TOLERANCE = 1e-4
"""Largest allowed difference of any probability between a float32 file and its network."""
MOST_CHANGED = 0.02
"""Largest allowed fraction of test images to which an int8 file gives another class than its network."""
MOST_SYNTHETIC = 60_000  # training images, of which a sixth as many test images are checked


@dataclass(frozen=True)
class Check:
    """Result of checking an exported file on the test images."""

    source: str
    """``real`` or ``synthetic``."""

    images: int
    difference: float
    """Largest difference of any probability from the float32 network in eager mode."""

    changed: int
    """Number of images with another class than from the network."""

    accuracy: float
    confidence: float
    """Mean probability of the predicted class."""

    calibration_error: float
    """Expected calibration error, as in `Evaluation`."""

    network_accuracy: float
    images_per_second: float
    """All images once, in batches of `predictor.BATCH`."""

    network_images_per_second: float

    def lines(self) -> str:
        """The result in two lines, for the terminal."""
        test = f"on {self.images:,} {self.source} test images: probabilities within {self.difference:.1e} of the"
        if not self.changed:
            return f"  {test}\n  network's, the same class on each, accuracy {self.accuracy:.4f}"
        return (
            f"  {test}\n  network's, another class on {self.changed}, accuracy {self.accuracy:.4f} "
            f"(the network: {self.network_accuracy:.4f})"
        )


def images_of(checkpoint: Checkpoint) -> TrainAndTest:
    """The images of the data set of a checkpoint, or synthetic ones if the real ones are not available.

    The real ones are looked for in the usual places, not where the checkpoint says.
    """
    keys = checkpoint.config["data"]
    source = "synthetic" if keys["source"] == "synthetic" else "auto"
    size = min(keys["synthetic_size"], MOST_SYNTHETIC)
    return load(source, None, keys["verify"], size, keys["split_seed"], may_download=False)


def calibration_images(checkpoint: Checkpoint, data: TrainAndTest) -> Tensor:
    """Images that the network was trained on, uint8 (at most 1000, 1, 28, 28), each class in its proportion.

    Raises:
        UserError: The real images are not available for a network that was trained on them, or the split of the
            checkpoint is damaged.
    """
    keys = checkpoint.config["data"]
    if keys["source"] != "synthetic" and data.source == "synthetic":
        raise UserError(
            "onnx_int8 is calibrated on training images, and no Fashion-MNIST is in ./data: give the folder of the "
            "four files with FMNIST_DATA=DIR, or export with --format onnx"
        )
    folds, fold, limit = keys.get("num_folds"), keys.get("fold", 0), keys.get("train_limit")
    try:
        training, _ = split(data.train.labels, keys["split_seed"], keys["val_fraction"], folds, fold, limit)
    except TypeError as error:
        raise UserError(
            f"{checkpoint.path} is not a sound checkpoint: data.num_folds, data.fold and data.train_limit are "
            "no integers; train again"
        ) from error
    return data.train.images[training[:CALIBRATION_IMAGES]]


def check_export(content: bytes, name: str, network: nn.Module, data: TrainAndTest, is_int8: bool) -> Check:
    """Read a file back and compare it with the network on the test images.

    Args:
        content: Of the file.
        name: Of the file; its ending says the format.
        network: In eval mode on the CPU, with the weights as they were exported.
        data: Images with their source.
        is_int8: Whether the file computes in 8 bits, so that classes may change.

    Raises:
        UserError: They do not agree.
    """
    images, labels = data.test.images, data.test.labels
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        written, rate = _timed(Predictor(read_export(path, trusted=True)), images)
    expected, network_rate = _timed(Predictor(FromPixels(network)), images)
    difference = float((written - expected).abs().max())
    changed = int((written.argmax(dim=1) != expected.argmax(dim=1)).sum())
    if is_int8 and not changed <= MOST_CHANGED * len(images):
        raise UserError(
            f"{name} is not written: {changed} of {len(images):,} test images get another class than from the network, "
            f"more than {MOST_CHANGED:.0%}; export this network with --format onnx"
        )
    if not is_int8 and (not difference <= TOLERANCE or changed):
        raise UserError(
            f"{name} is not written: its probabilities differ by up to {difference:.1e} from the network's, and "
            f"{changed} of {len(images):,} classes differ; please report this with the versions of torch and onnx"
        )
    from fmnist_pl.reporting.evaluation import Evaluation  # here: torchmetrics takes seconds to import

    evaluation, network_evaluation = (
        Evaluation(labels.numpy(), probabilities.numpy(), list(CLASSES)) for probabilities in (written, expected)
    )
    return Check(
        source=data.source,
        images=len(images),
        difference=difference,
        changed=changed,
        accuracy=evaluation.accuracy,
        confidence=float(evaluation.confidences.mean()),
        calibration_error=evaluation.calibration_error,
        network_accuracy=network_evaluation.accuracy,
        images_per_second=rate,
        network_images_per_second=network_rate,
    )


def _timed(predictor: Predictor, images: Tensor) -> tuple[Tensor, float]:
    """Probabilities (N, 10) of the images, and images per second."""
    start = time.perf_counter()
    probabilities = predictor.probabilities(images)
    return probabilities, len(images) / (time.perf_counter() - start)
