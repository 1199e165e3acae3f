"""The model card beside an exported file: its format, training data, accuracy and use."""

from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from fmnist_pl import __version__
from fmnist_pl.data.facts import CLASSES, PIXEL_MEAN, PIXEL_STD
from fmnist_pl.export.formats import about_checkpoint
from fmnist_pl.networks.saved import Checkpoint


@dataclass(frozen=True)
class Check:
    """Result of checking an exported file on the test images."""

    source: str
    """``real`` or ``synthetic``."""

    images: int
    difference: float
    """Largest difference of any probability from the float32 network in eager mode."""

    accuracy: float


CARD = """# {name}

A classifier of grey 28x28 images of clothes, exported as `{file}` by fmnist_pl {version}, torch {torch}.

| | |
|---|---|
| input | `images`: uint8 (N, 1, 28, 28), pixels 0 to 255, a bright object on black; any N |
| output | `probabilities`: float32 (N, 10), each row sums to 1 |
| before the network | {preprocessing} |
| classes, in order | {classes} |
| parameters | {parameters:,}{rounded} |
| trained on | {data} |
| validation accuracy | {validation} |
| accuracy of this file | {accuracy} |
| largest difference from the network in eager mode | {difference:.1e} of a probability, the same class on each |
| licence of the data | {licence} |

## Use

```python
{use}
```

## Limits

It knows ten kinds of clothes, one piece at a time on a plain background, as in a shop's catalogue. For anything else it
still answers one of the ten. It confuses shirts, T-shirts, pullovers and coats most often.

## Config

```yaml
{config}```
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

REAL = "Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), {part}"
DRAWN = "synthetic silhouettes, not Fashion-MNIST: its metrics say nothing about photographs of clothes"


def model_card(path: Path, checkpoint: Checkpoint, parameters: int, check: Check, half: bool) -> str:
    """The card in Markdown.

    Args:
        path: The exported file.
        checkpoint: The checkpoint that was exported.
        parameters: Number of weights of the network.
        check: Result of checking the file on the test images.
        half: Whether the weights are in half precision.
    """
    data = checkpoint.config["data"]
    real = data["source"] == "real"
    part = f"{1 - data['val_fraction']:.0%} of its 60,000 training images"
    inside = f"scaled to 0..1, less {PIXEL_MEAN:.4f}, divided by {PIXEL_STD:.4f}"
    where = "done by the Predictor" if path.suffix == ".safetensors" else "done inside the file"
    validation = checkpoint.metrics.get("val/acc")
    return CARD.format(
        name=path.stem,
        file=path.name,
        version=__version__,
        torch=torch.__version__,
        preprocessing=f"{inside}: {where}",
        classes=", ".join(f"{index} {name}" for index, name in enumerate(CLASSES)),
        parameters=parameters,
        rounded=", kept in half precision, computed with in float32" if half else "",
        data=REAL.format(part=part) if real else DRAWN,
        validation="none" if validation is None else f"{validation:.4f}",
        accuracy=f"{check.accuracy:.4f} on {check.images:,} {check.source} test images",
        difference=check.difference,
        licence="MIT (Zalando SE)" if real else "none needed",
        use=USES[path.suffix].format(file=path.name),
        config=yaml.safe_dump(about_checkpoint(checkpoint)["config"], sort_keys=False),
    )
