"""``python -m fmnist_pl.reporting robustness``."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from fmnist_pl.data.corrupt import CORRUPTIONS
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.split import split
from fmnist_pl.data.synthetic import draw
from fmnist_pl.reporting.__main__ import main
from fmnist_pl.reporting.plots.robustness import robustness_figure
from fmnist_pl.reporting.robustness import measure
from tests.conftest import ROOT, run_folder
from tests.reporting.conftest import Reported

FILES = {"robustness.csv", "robustness.md", "robustness.json", "robustness.png", "corruptions.png"}


def best(reported: Reported) -> str:
    return str(reported.folder / "checkpoints/best.ckpt")


@pytest.fixture(scope="module")
def measured(reported: Reported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("robustness") / "val"
    assert main(["robustness", "--ckpt_path", best(reported), "--folder", str(folder)]) == 0
    return folder


def test_the_files(measured: Path, reported: Reported) -> None:
    assert {path.name for path in measured.iterdir()} == FILES
    result = json.loads((measured / "robustness.json").read_text())
    assert (result["split"], result["source"], result["images"]) == ("val", "synthetic", 60)
    assert result["clean"] == pytest.approx(reported.metrics["val"]["acc"], abs=1e-6), "the images of the run's split"
    assert {name: len(values) for name, values in result["accuracies"].items()} == dict.fromkeys(CORRUPTIONS, 5)
    assert result["mean"] == pytest.approx(np.mean(list(result["accuracies"].values())))
    with (measured / "robustness.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1 + 5 * len(CORRUPTIONS)
    assert rows[1]["corruption"] == "gaussian noise"
    assert float(rows[1]["value"]) == 0.08
    assert float(rows[5]["accuracy"]) == result["accuracies"]["gaussian noise"][4]
    text = (measured / "robustness.md").read_text()
    assert "60 synthetic validation images" in text
    assert all(f"| {name} " in text for name in CORRUPTIONS)


def test_the_test_images_and_the_terminal(
    reported: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "test"
    assert main(["robustness", "--ckpt_path", best(reported), "--folder", str(folder), "--split", "test"]) == 0
    result = json.loads((folder / "robustness.json").read_text())
    assert result["clean"] == pytest.approx(reported.metrics["test"]["acc"], abs=1e-6)
    printed = capsys.readouterr().out
    assert (folder / "robustness.md").read_text() in printed
    assert str(folder) in printed


MISTAKES = {
    "no checkpoint": (["--ckpt_path", "nowhere.ckpt"], "nowhere.ckpt"),
    "no export": (["--ckpt_path", "nowhere.safetensors"], "nowhere.safetensors"),
    "a broken export": (["--ckpt_path", "BROKEN"], "broken.safetensors .*complete"),
    "an unknown split": (["--split", "train"], "split.*train"),
    "unknown images": (["--data.source", "paper"], "data.source.*paper"),
    "a seed out of bounds": (["--seed", "-1"], "seed"),
    "results of an earlier run": (["--folder", "MEASURED"], "exists already.*--folder"),
    "no folder": (["--ckpt_path", "CHECKPOINT", "--folder", "BROKEN/x"], "cannot write"),
    "no such module": (["--network_module", "nowhere_to_import"], "nowhere_to_import"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line(
    mistake: str, measured: Path, reported: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    places = {"BROKEN": str(broken), "BROKEN/x": str(broken / "x"), "MEASURED": str(measured)}
    placed = [places.get(a, a.replace("CHECKPOINT", best(reported))) for a in arguments]
    assert main(["robustness", "--folder", str(tmp_path / "new"), *placed]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line), line
    assert not (tmp_path / "new").exists()


def test_a_run_without_validation_images(
    fit: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit("--data.val_fraction", "0", "--test_after_fit", "false")
    last = run_folder(tmp_path) / "checkpoints/last.ckpt"
    capsys.readouterr()
    assert main(["robustness", "--ckpt_path", str(last), "--folder", str(tmp_path / "new")]) == 1
    assert "--split test" in capsys.readouterr().err


def test_accuracies_are_those_of_the_classifier() -> None:
    data = draw(200, 0).train
    data = LabelledImages(data.images, torch.zeros_like(data.labels))

    def dark_is_0(images: torch.Tensor) -> torch.Tensor:
        is_bright = images.float().mean(dim=(1, 2, 3)) > 100
        return torch.stack([~is_bright, is_bright], dim=1).float()

    result = measure(dark_is_0, data, "a", "synthetic", "val", seed=0)
    assert result.clean > 0.5
    assert result.accuracies["brightness"][4] == 0, "every image is bright"
    assert result.accuracies["shift"][0] == pytest.approx(result.clean, abs=0.05)


def test_the_figure_holds_the_accuracies() -> None:
    figure: Figure = robustness_figure(0.9, {"noise": [0.8, 0.5], "blur": [0.7, 0.6]}, "Title")
    first = figure.axes[0]
    clean, curve = first.lines
    assert clean.get_ydata()[0] == 0.9
    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([1, 2], [0.8, 0.5])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["noise: mean 0.650", "blur: mean 0.650"]


@pytest.mark.slow
def test_corruptions_harm_a_trained_network_as_a_program(fit: Callable[..., Any], tmp_path: Path) -> None:
    fit("--data.synthetic_size", "3000", "--optimizer.lr", "0.003", epochs=8)
    checkpoint = run_folder(tmp_path) / "checkpoints/best.ckpt"
    command = ["-m", "fmnist_pl.reporting", "robustness", "--ckpt_path", str(checkpoint), "--split", "test"]
    done = subprocess.run(
        [sys.executable, *command, "--folder", str(tmp_path / "out")], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads((tmp_path / "out/robustness.json").read_text())
    assert result["images"] == len(draw(3000, 0).test) == 500
    assert result["clean"] > 0.6
    for name in ("gaussian noise", "impulse noise", "contrast", "shift", "rotation"):
        first, *_, last = result["accuracies"][name]
        assert last < first - 0.05, name
        assert first <= result["clean"] + 0.03, name
    by_strength = np.mean(list(result["accuracies"].values()), axis=0)
    assert list(by_strength) == sorted(by_strength, reverse=True)


def test_the_validation_images_are_those_of_the_split(measured: Path) -> None:
    data = draw(600, 0)
    _, val = split(data.train.labels, seed=0)
    assert json.loads((measured / "robustness.json").read_text())["images"] == len(val)
