"""From a picture to all that the page shows of it."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fmnist_pl.app.saliency import occlusion
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.photos.verdict import judge
from fmnist_pl.predictor import Predictor

ENLARGE = 10
ORANGE = torch.tensor([255.0, 140.0, 0.0])


@dataclass(frozen=True)
class Answer:
    """What the page shows."""

    headline: str
    probabilities: dict[str, float]
    seen: Image.Image
    mattered: Image.Image


def answer(predictor: Predictor, image: Tensor) -> Answer:
    """Classify an image and show why.

    Args:
        predictor: The classifier.
        image: What the network is to see, uint8 (28, 28).
    """
    row = predictor.probabilities(image.view(1, 1, *image.shape))
    verdict = judge(image[None, None], row)[0]
    name, probability = verdict.top[0]
    headline = f"## {name}, {probability:.0%} sure"
    if verdict.unsure:
        headline = f"## Not sure\n{verdict.unsure.capitalize()}; if it must be one, {name} ({probability:.0%})."
    grey = image.float().unsqueeze(-1).expand(-1, -1, 3)
    heat = occlusion(predictor, image).unsqueeze(-1) * 0.85
    return Answer(
        headline,
        dict(zip(CLASSES, row[0].tolist(), strict=True)),
        picture(grey),
        picture(grey * (1 - heat) + ORANGE * heat),
    )


def picture(pixels: Tensor) -> Image.Image:
    """Colours 0 to 255 (H, W, 3) as a picture in which one sees the pixels."""
    array = pixels.round().to(torch.uint8).numpy()
    return Image.fromarray(np.kron(array, np.ones((ENLARGE, ENLARGE, 1), dtype=np.uint8)))
