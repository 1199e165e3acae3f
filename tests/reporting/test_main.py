"""``python -m fmnist_pl.reporting``: compare runs, write the data sheet."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.reporting.__main__ import main
from tests.conftest import ROOT
from tests.reporting.conftest import Reported
from tests.reporting.html_page import Page

SYNTHETIC = ["--data.source", "synthetic", "--data.synthetic_size", "120"]


def cells(table: str) -> dict[str, list[str]]:
    """The rows of a table in Markdown by their first cell."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in rows}


def test_runs_side_by_side(
    reported: Reported, fit: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = fit("--optimizer.lr", "0.005", "--threads", "1")
    capsys.readouterr()
    assert main(["compare", str(reported.folder), str(tmp_path / "dense")]) == 0
    rows = cells(capsys.readouterr().out)
    assert rows[""] == ["cnn/version_0", "dense/version_0"], "a folder of runs stands for the newest"
    assert rows["test accuracy"] == [f"{m['test']['acc']:.4f}" for m in (reported.metrics, metrics)]
    assert rows["parameters"] == [f"{m['params']:,}" for m in (reported.metrics, metrics)]
    assert rows["optimizer.init_args.lr"] == ["0.003", "0.005"]
    assert rows["threads"] == ["null", "1"], "a machine key"
    assert not {"name", "histograms", "report", "trainer.default_root_dir"} & set(rows), "output keys are left out"
    assert "data.synthetic_size" not in rows, "equal keys are left out"


def test_the_same_config_twice(reported: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name / "refit/version_0"
        folder.mkdir(parents=True)
        for file in ("metrics.json", "config.yaml"):
            shutil.copy(reported.folder / file, folder)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "configs are the same" in capsys.readouterr().out


def test_the_data_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sheet"
    assert main(["data", *SYNTHETIC, "--folder", str(folder)]) == 0
    assert str(folder / "data_sheet.html") in capsys.readouterr().out
    page = Page(folder / "data_sheet.html")
    page.check_self_contained()
    assert page.title == "Data sheet of synthetic images"
    rows = {row[0]: row[1:] for row in page.rows}
    assert all(rows[name] == ["12", "2"] for name in CLASSES)
    assert rows["all"] == ["120", "20"]
    for name in ("class_counts", "class_means", "train_samples", "pixel_histogram"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


MISTAKES = {
    "no command": ([], "command"),
    "an unknown command": (["draw"], "draw"),
    "no runs": (["compare"], "runs"),
    "nothing to compare with": (["compare", "RUN"], "two or more"),
    "no run": (["compare", "RUN", "EMPTY"], "EMPTY .*metrics.json"),
    "nothing there": (["compare", "RUN", "nowhere"], "nowhere .*metrics.json"),
    "the same run twice": (["compare", "RUN", "RUN"], "different runs"),
    "a run that is cut off": (["compare", "RUN", "CUT"], "cannot read .*metrics.json"),
    "a run without config": (["compare", "RUN", "BARE"], "cannot read .*config.yaml"),
    "an unknown option": (["compare", "RUN", "RUN", "--htm", "x"], "--htm"),
    "no such data": (["data", "--data.source", "paper"], "data.source.*paper"),
    "a folder that cannot be made": (["data", *SYNTHETIC, "--folder", "EMPTY/file"], "cannot write"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line(
    mistake: str, reported: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    for name in ("EMPTY", "CUT", "BARE"):
        (tmp_path / name).mkdir()
    (tmp_path / "EMPTY/file").write_text("a file in place of a folder")
    (tmp_path / "CUT/metrics.json").write_text('{"config": ')
    (tmp_path / "BARE/metrics.json").write_text(json.dumps({"config": "x", "data_source": "real"}))
    places = {"RUN": str(reported.folder), **{n: str(tmp_path / n) for n in ("EMPTY", "CUT", "BARE")}}
    placed = [places.get(a, a.replace("EMPTY/", f"{tmp_path}/EMPTY/")) for a in arguments]
    assert main(placed) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line), line


def test_the_module_is_a_program(reported: Reported) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fmnist_pl.reporting", "compare", str(reported.folder), "nowhere"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: nowhere ")
