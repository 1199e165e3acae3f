"""Weights that are not finite are refused, whatever holds them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import about_safetensors
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_of_an_export(value: float, tmp_path: Path) -> None:
    weights = load_file(SHIPPED)
    name = sorted(weights)[-1]
    weights[name].view(-1)[0] = value
    path = tmp_path / "broken.safetensors"
    save_file(weights, path, {key: json.dumps(text) for key, text in about_safetensors(SHIPPED).items()})
    with pytest.raises(UserError, match=r"broken.safetensors .*not finite"):
        Predictor.from_export(path)


def test_a_model_that_answers_nan() -> None:
    with pytest.raises(UserError, match="not finite"):
        Predictor(lambda images: torch.full((len(images), 10), float("nan")))
