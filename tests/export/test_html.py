"""A page as a file: its size, what it refuses, foreign text, reading it back, and the copy in docs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fmnist_pl.errors import UserError
from fmnist_pl.export.export import export
from fmnist_pl.export.html_page import MOST_BYTES, PARTS, TooLargeError, html_page, render
from fmnist_pl.networks import CNN, Dense, TunerCNN
from fmnist_pl.networks.saved import about_safetensors
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED
from tests.conftest import ROOT, run_folder

ABOUT = {"config": {"name": "x", "data": {"source": "real"}}}
BUILT = ROOT / "docs/page/shipped.html"


def test_the_built_copy_is_the_page_of_the_shipped_weights() -> None:
    """If it is not: ``make page``."""
    text = BUILT.read_text()
    parts = PARTS.search(text)
    assert parts is not None
    program = json.loads(parts["program"])
    assert render(program, parts["weights"], about_safetensors(SHIPPED), 468_266).decode() == text
    images = torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = Predictor.shipped().predict(images)
    found = Predictor.from_export(BUILT).predict(images)
    assert found.classes == expected.classes
    torch.testing.assert_close(found.probabilities, expected.probabilities, atol=1e-6, rtol=0)
    assert len(text) <= MOST_BYTES


def test_no_two_declarations_of_the_script_have_one_name() -> None:
    """The files become one script, in which a second function of the same name would replace the first."""
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", BUILT.read_text(), re.MULTILINE)
    assert len(names) > 50
    assert len(set(names)) == len(names), {name for name in names if names.count(name) > 1}


def test_every_config_fits() -> None:
    for network in (Dense(), CNN(), CNN([[48, 32], [96, 96]], batch_norm=True).half(), TunerCNN().half()):
        assert len(html_page(network.eval(), ABOUT)) <= MOST_BYTES
    with pytest.raises(TooLargeError, match="1,341,834 parameters.*export as onnx"):
        html_page(TunerCNN().eval(), ABOUT)


def test_the_weights_of_a_mirrored_network_are_stored_once() -> None:
    assert len(html_page(CNN(mirror=True).eval(), ABOUT)) < 1.01 * len(html_page(CNN().eval(), ABOUT))


def test_a_page_that_is_too_large_is_rounded(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit("--model.hidden_sizes", "[64]")
    checkpoint = run_folder(tmp_path, "dense") / "checkpoints/best.ckpt"
    exact = export(checkpoint, "html", tmp_path / "exact")
    assert "half precision" not in exact.with_name("dense.html.md").read_text()
    monkeypatch.setattr("fmnist_pl.export.html_page.MOST_BYTES", exact.stat().st_size - 1)
    rounded = export(checkpoint, "html", tmp_path / "rounded")
    assert "half precision" in rounded.with_name("dense.html.md").read_text()
    assert rounded.stat().st_size < exact.stat().st_size
    assert "synthetic silhouettes" in rounded.read_text()


def test_a_name_is_no_markup() -> None:
    page = html_page(Dense().eval(), {"config": {"name": "</title><script>x", "data": {"source": "real"}}}).decode()
    assert "<script>x" not in page
    assert "&lt;/title&gt;&lt;script&gt;x" in page
    assert "http://" not in page
    assert "https://" not in page


class Branching(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :10] if images.sum() > 0 else images.flatten(1)[:, 10:20]


class Upside(Dense):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.flip(2))


class AlwaysRandom(Dense):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(images))


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LayerNorm(10)),
            r"layer 2 \(LayerNorm\).*layer_norm.*export as onnx",
        ),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(3, padding=1), nn.Flatten(), nn.Linear(162, 10)), "padding="),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 11)), "10 logits"),
        (Upside(), "left to right"),
        (Branching(), "torch.export can trace"),
        (AlwaysRandom(), "random"),
    ],
    ids=["layer norm", "padded mean", "eleven logits", "upside down", "branching", "always random"],
)
def test_what_a_page_cannot_compute_is_refused_in_one_line(network: nn.Module, named: str) -> None:
    with pytest.raises(UserError, match=named) as refused:
        html_page(network.eval(), ABOUT)
    assert "\n" not in str(refused.value)


def test_what_is_no_page(tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    for content in (b"", b"<html></html>", bytes(MOST_BYTES + 1)):
        path.write_bytes(content)
        with pytest.raises(UserError, match="holds no network"):
            Predictor.from_export(path)
    path.write_text(BUILT.read_text().replace('"kernel": 0', '"kernel": 10000'))
    with pytest.raises(UserError, match="cannot be read"):
        Predictor.from_export(path)
