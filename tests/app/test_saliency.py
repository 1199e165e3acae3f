"""Occlusion finds the pixels that decide a prediction."""

import torch
from torch import Tensor

from fmnist_pl.app.saliency import occlusion
from fmnist_pl.predictor import Predictor


def by_one_corner(images: Tensor) -> Tensor:
    """Probability of class 3 that grows with the brightness of the upper left corner."""
    logits = torch.zeros(len(images), 10)
    logits[:, 3] = images[:, 0, :6, :6].float().mean(dim=(1, 2)) / 40
    return logits.softmax(dim=1)


def test_the_part_that_matters() -> None:
    weights = occlusion(Predictor(by_one_corner), torch.full((28, 28), 200, dtype=torch.uint8))
    assert weights.shape == (28, 28)
    assert 0 <= weights.min() <= weights.max() <= 1
    assert weights[:6, :6].min() > 0.2
    assert weights[12:, 12:].max() == 0


def test_nothing_matters_in_the_dark() -> None:
    assert occlusion(Predictor(by_one_corner), torch.zeros(28, 28, dtype=torch.uint8)).max() == 0
