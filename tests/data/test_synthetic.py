"""The drawn clothes: the same from the same seed, beyond a linear model, within reach of a small network."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from fmnist_pl.data.synthetic import draw


def test_shapes_classes_and_variety() -> None:
    data = draw(600, seed=0)
    assert data.source == "synthetic"
    assert data.train.images.shape == (600, 1, 28, 28)
    assert data.train.images.dtype == torch.uint8
    assert torch.bincount(data.train.labels).tolist() == [60] * 10
    assert torch.bincount(data.test.labels).tolist() == [10] * 10
    assert len({image.numpy().tobytes() for image in data.train.images}) == 600
    lit = (data.train.images > 25).float().mean((1, 2, 3))
    assert lit.min() > 0.01, "something is drawn on every image"


def test_the_seed_decides() -> None:
    assert torch.equal(draw(50, 1).train.images, draw(50, 1).train.images)
    assert not torch.equal(draw(50, 1).train.images, draw(50, 2).train.images)


@pytest.mark.slow
def test_a_linear_model_fails_where_a_small_cnn_succeeds(fit: Callable[..., dict[str, Any]]) -> None:
    size = ["--data.synthetic_size", "12000", "--data.batch_size", "64"]
    linear = fit(*size, "--model.hidden_sizes", "[]", epochs=8)
    assert linear["test"]["acc"] < 0.75
    small = ["--model.blocks", "[[16], [32]]", "--model.hidden_sizes", "[]", "--trainer.precision", "32-true"]
    cnn = fit(*size, *small, "--optimizer.lr", "0.005", config="cnn.yaml", epochs=5)
    assert cnn["test"]["acc"] >= 0.9
