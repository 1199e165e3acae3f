"""The head of a model card: metadata in YAML, as model hubs read it.

Fields: https://github.com/huggingface/hub-docs/blob/main/modelcard.md. That specification has no field for the interval
and n of a metric: its name tells them to readers, the extra mapping ``fmnist_pl`` to programs.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.errors import UserError
from fmnist_pl.export.check import Check
from fmnist_pl.export.formats import Format
from fmnist_pl.foreign_text import printable
from fmnist_pl.networks.saved import Checkpoint
from fmnist_pl.reporting.runs import METRICS, read_json
from fmnist_pl.reporting.statistics import wilson_interval

NO_LICENCE = "unknown"
"""The hubs' id for weights whose owner has given no licence."""
LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,49}")
TASK = "image-classification"
DATASETS = {
    "real": {"type": "zalando-datasets/fashion_mnist", "name": "Fashion-MNIST", "split": "test"},
    "synthetic": {"type": "synthetic", "name": "Synthetic silhouettes of fmnist_pl", "split": "test"},
}
TAGS: dict[Format, list[str]] = {
    "onnx": ["onnx"],
    "onnx_int8": ["onnx", "int8"],
    "torch_export": ["torch-export"],
    "safetensors": ["safetensors"],
    "html": ["html"],
}
LONGEST = 100  # characters of a text of metrics.json


@dataclass(frozen=True)
class Training:
    """How long a training took, and on what, as its metrics.json says."""

    hardware: str
    minutes: float
    epochs: int


@dataclass(frozen=True)
class Exported:
    """What a model card is about: an exported file, the checkpoint behind it, and the result of the check."""

    path: Path
    format: Format
    content: bytes
    checkpoint: Checkpoint
    parameters: int
    check: Check
    half: bool
    """Whether the weights were rounded to half precision."""

    licence: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def trained_on_real(self) -> bool:
        return bool(self.checkpoint.config["data"]["source"] == "real")


def check_licence(licence: str) -> str:
    """Check that a licence has the form of a hub's licence id.

    Returns:
        The licence.

    Raises:
        UserError: It does not.
    """
    if not LICENCE.fullmatch(licence):
        raise UserError(f"--license: {licence[:50]!a} is no licence id; give one like mit, apache-2.0 or cc-by-4.0")
    return licence


def training_of(checkpoint: Checkpoint) -> Training | None:
    """Hardware and time of the training, if the run's metrics.json is in the folder above the checkpoint's."""
    path = checkpoint.path.absolute().parents[1] / METRICS
    try:
        metrics = read_json(path) if path.is_file() else None
    except UserError:
        return None
    if not isinstance(metrics, dict) or metrics.get("config") != checkpoint.config["name"]:
        return None
    device, seconds, epochs = (metrics.get(key) for key in ("device_name", "train_seconds", "epochs"))
    if not (isinstance(device, str) and isinstance(seconds, int | float) and isinstance(epochs, int)):
        return None
    if not 0 <= seconds < math.inf:
        return None
    return Training(printable(device)[:LONGEST], round(seconds / 60, 1), epochs)


def interval_of(accuracy: float, images: int) -> tuple[float, float]:
    """95% interval of an accuracy over other images of the same kind, four decimal places."""
    low, high = wilson_interval(accuracy, images)
    return round(low, 4), round(high, 4)


def card_head(exported: Exported) -> str:
    """The head with its two lines of dashes. Texts of a checkpoint are values of the YAML and cannot end it."""
    check, training = exported.check, training_of(exported.checkpoint)
    low, high = interval_of(check.accuracy, check.images)
    accuracy = {
        "type": "accuracy",
        "value": round(check.accuracy, 6),
        "name": f"Accuracy ({check.images:,} test images, 95% interval {low:.4f} to {high:.4f}, n = 1 training)",
    }
    result = {
        "task": {"type": TASK, "name": "Image classification"},
        "dataset": DATASETS[check.source],
        "metrics": [accuracy],
    }
    head: dict[str, Any] = {
        "license": exported.licence,
        "library_name": "fmnist_pl",
        "pipeline_tag": TASK,
        "tags": [TASK, "fashion-mnist", "pytorch", "lightning", *TAGS[exported.format]],
        "datasets": [DATASETS["real"]["type"]] if exported.trained_on_real else [],
        "metrics": ["accuracy"],
        "model-index": [{"name": exported.path.stem, "results": [result]}],
        "fmnist_pl": {
            "file": exported.path.name,
            "bytes": len(exported.content),
            "sha256": exported.sha256,
            "parameters": exported.parameters,
            "accuracy_interval_95": [low, high],
            "calibration_error": round(check.calibration_error, 4),
            "test_images": check.images,
            "trainings": 1,
            **(vars(training) if training else {}),
        },
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, width=LONGEST)}---\n"
