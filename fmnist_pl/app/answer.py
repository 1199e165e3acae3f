"""Everything that the page shows for one image."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fmnist_pl.app.saliency import occlusion
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.photos.verdict import verdicts_of
from fmnist_pl.predictor import Predictor

ENLARGE = 10  # screen pixels per image pixel
ORANGE = torch.tensor([255.0, 140.0, 0.0])


@dataclass(frozen=True)
class Answer:
    """Content of the page."""

    headline: str
    probabilities: dict[str, float]
    input_image: Image.Image
    """The network's input."""
    saliency: Image.Image
    """The input with the pixels in orange that speak for the predicted class."""


def answer(predictor: Predictor, image: Tensor) -> Answer:
    """Classify an image and compute its saliency.

    Args:
        predictor: Classifier.
        image: uint8 (28, 28).
    """
    row = predictor.probabilities(image.view(1, 1, *image.shape))
    verdict = verdicts_of(image[None, None], row)[0]
    name, probability = verdict.top[0]
    headline = f"## {name}, {probability:.0%} sure"
    if verdict.unsure:
        headline = f"## Not sure\n{verdict.unsure.capitalize()}; the most probable class is {name} ({probability:.0%})."
    grey = image.float().unsqueeze(-1).expand(-1, -1, 3)
    heat = occlusion(predictor, image).unsqueeze(-1) * 0.85
    return Answer(
        headline,
        dict(zip(CLASSES, row[0].tolist(), strict=True)),
        enlarged(grey),
        enlarged(grey * (1 - heat) + ORANGE * heat),
    )


def enlarged(pixels: Tensor) -> Image.Image:
    """Enlarge an image with colours 0 to 255, float (H, W, 3), so that its pixels are visible."""
    array = pixels.round().to(torch.uint8).numpy()
    return Image.fromarray(np.kron(array, np.ones((ENLARGE, ENLARGE, 1), dtype=np.uint8)))
