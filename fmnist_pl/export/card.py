"""The model card beside an exported file: a head for model hubs, its format, training, accuracy and use."""

import os
import platform
import re

import torch
import yaml

from fmnist_pl import __version__
from fmnist_pl.config import Config
from fmnist_pl.data.facts import CLASSES, PIXEL_MEAN, PIXEL_STD
from fmnist_pl.export.card_head import NO_LICENCE, Exported, card_head, interval_of, training_of
from fmnist_pl.export.formats import about_checkpoint
from fmnist_pl.foreign_text import markdown_text
from fmnist_pl.predictor import BATCH

CARD = """{head}
# {name}

A classifier of grey 28x28 images of clothes, exported as `{file}` by fmnist_pl {version}, torch {torch}.

| | |
|---|---|
| file | {size:,} bytes, SHA-256 `{sha256}` |
| input | `images`: uint8 (N, 1, 28, 28), pixels 0 to 255, a bright object on black; any N |
| output | `probabilities`: float32 (N, 10), each row sums to 1 |
| before the network | {preprocessing} |
| classes, in order | {classes} |
| parameters | {parameters:,}{rounded} |
| trained on | {data} |
| training | {training} |
| validation accuracy | {validation} |
| accuracy of this file | {accuracy} |
| calibration of this file | {calibration} |
| agreement with the network in eager mode | {agreement} |
{speed}| licence of the weights | {licence} |
| licence of the data | {data_licence} |

## Use

```python
{use}
```

## Intended use

Teaching, comparison of methods on Fashion-MNIST, and tests of tools that run models. On photos it is for one piece of
clothing, alone, on a plain background, as in a shop's catalogue.

## Unintended use

- Photos of people who wear the clothes, of several pieces, or of a cluttered background. It was not trained on them.
- Objects that are none of the ten kinds. It still answers one of the ten, sometimes with a high probability.
- Decisions about people, or about goods without a person who checks them.

## Limits

It confuses shirts, T-shirts, pullovers and coats most often. Its images are those of one shop (Zalando, 2017). The
interval of the accuracy is over other images of the same kind. Another training of the same config, with another seed,
gives other weights and another accuracy.

## Config

{fence}yaml
{config}{fence}
"""

USES = {
    ".onnx": """import numpy as np, onnxruntime

session = onnxruntime.InferenceSession("{file}")
(probabilities,) = session.run(None, {{"images": np.zeros((5, 1, 28, 28), dtype=np.uint8)}})""",
    ".pt2": """import torch

classify = torch.export.load("{file}").module()    # runs code in the file: open only your own
probabilities = classify(torch.zeros(5, 1, 28, 28, dtype=torch.uint8))""",
    ".html": """# open {file} in a browser, from disk; no server and no network connection are needed. In Python:
import torch
from fmnist_pl.predictor import Predictor

classes, probabilities = Predictor.from_export("{file}").predict(torch.zeros(5, 28, 28, dtype=torch.uint8))""",
    ".safetensors": """import torch
from fmnist_pl.predictor import Predictor

images = torch.zeros(5, 28, 28, dtype=torch.uint8)
classes, probabilities = Predictor.from_export("{file}").predict(images)""",
}

REAL = "Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), {count:,} of its 60,000 training images"
DRAWN = (
    "synthetic silhouettes, {count:,} images, not Fashion-MNIST: its metrics say nothing about photographs of clothes"
)
OFFICIAL_IMAGES = 60_000
OWN_RUNTIME = (".onnx", ".pt2")
"""Files that another library than this package runs, so that they have a speed of their own."""


def model_card(exported: Exported) -> str:
    """The card in Markdown. Texts of the checkpoint and of its run are shown as they are and have no other effect."""
    check, path = exported.check, exported.path
    inside = f"scaled to 0..1, less {PIXEL_MEAN:.4f}, divided by {PIXEL_STD:.4f}"
    where = "done by the Predictor" if path.suffix == ".safetensors" else "done inside the file"
    training_images, validation_images = _split_sizes(exported.checkpoint.config["data"], exported.trained_on_real)
    config = yaml.safe_dump(about_checkpoint(exported.checkpoint)["config"], sort_keys=False)
    return CARD.format(
        head=card_head(exported),
        name=markdown_text(path.stem),
        file=path.name,
        version=__version__,
        torch=torch.__version__,
        size=len(exported.content),
        sha256=exported.sha256,
        preprocessing=f"{inside}: {where}",
        classes=", ".join(f"{index} {name}" for index, name in enumerate(CLASSES)),
        parameters=exported.parameters,
        rounded=_rounded(exported),
        data=(REAL if exported.trained_on_real else DRAWN).format(count=training_images),
        training=_training(exported),
        validation=_accuracy(exported.checkpoint.metrics.get("val/acc"), validation_images, "validation"),
        accuracy=_accuracy(check.accuracy, check.images, f"{check.source} test"),
        calibration=_calibration(exported),
        agreement=_agreement(exported),
        speed=_speed(exported) if path.suffix in OWN_RUNTIME else "",
        licence="not given" if exported.licence == NO_LICENCE else exported.licence,
        data_licence="MIT (Zalando SE)" if exported.trained_on_real else "none needed",
        use=USES[path.suffix].format(file=path.name),
        fence=_fence(config),
        config=config,
    )


def _split_sizes(data: Config, is_real: bool) -> tuple[int, int]:
    """Number of training and of validation images, from the ``data`` block of a config."""
    size = OFFICIAL_IMAGES if is_real else data["synthetic_size"]
    folds, limit = data.get("num_folds"), data.get("train_limit")
    fraction = 1 / folds if isinstance(folds, int) and folds > 1 else data["val_fraction"]
    validation = round(size * fraction) if 0 <= fraction < 1 else 0
    training = size - validation
    return min(training, limit) if isinstance(limit, int) else training, validation


def _rounded(exported: Exported) -> str:
    if exported.format == "onnx_int8":
        return ", quantised to 8 bits after training, calibrated on training images"
    return ", kept in half precision, computed with in float32" if exported.half else ""


def _training(exported: Exported) -> str:
    training = training_of(exported.checkpoint)
    if training is None:
        return "hardware and time were not recorded"
    return f"{training.epochs} epochs in {training.minutes:.1f} minutes on {markdown_text(training.hardware)}"


def _accuracy(accuracy: float | None, images: int, kind: str) -> str:
    if accuracy is None or not 0 <= accuracy <= 1 or not images:
        return "none"
    low, high = interval_of(accuracy, images)
    return f"{accuracy:.4f} on {images:,} {kind} images, 95% interval {low:.4f} to {high:.4f}, n = 1 training"


def _calibration(exported: Exported) -> str:
    from fmnist_pl.reporting.evaluation import BINS  # here: torchmetrics takes seconds to import

    check = exported.check
    return (
        f"mean probability of the predicted class {check.confidence:.4f}, accuracy {check.accuracy:.4f}; "
        f"expected calibration error {check.calibration_error:.4f} ({BINS} bins, the same images)"
    )


def _agreement(exported: Exported) -> str:
    check = exported.check
    within = f"probabilities within {check.difference:.1e}"
    if not check.changed:
        return f"{within}, the same class on each of {check.images:,} test images"
    return (
        f"{within}, another class on {check.changed:,} of {check.images:,} test images; "
        f"accuracy of the network {check.network_accuracy:.4f}"
    )


def _speed(exported: Exported) -> str:
    check, cpu = exported.check, torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return (
        f"| images per second | {check.images_per_second:,.0f}, the network in eager mode "
        f"{check.network_images_per_second:,.0f} ({check.images:,} images once, in batches of {BATCH:,}, "
        f"{os.cpu_count()} cores, {markdown_text(cpu)}) |\n"
    )


def _fence(text: str) -> str:
    """A fence of backticks that no line of the text closes."""
    return "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
