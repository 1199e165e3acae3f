"""``python -m fmnist_pl.reporting``: compare runs, see the data first."""

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
from tests.reporting.page import Page

SYNTHETIC = ["--data.source", "synthetic", "--data.synthetic_size", "120"]


def cells(table: str) -> dict[str, list[str]]:
    """The rows of a table in Markdown by their first cell."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in rows}


def test_runs_side_by_side(
    reported: Reported, fit: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = fit("--optimizer.lr", "0.005")
    capsys.readouterr()
    page = tmp_path / "pages/compared.html"
    assert main(["compare", str(reported.folder), str(tmp_path / "dense"), "--html", str(page)]) == 0
    rows = cells(capsys.readouterr().out)
    assert rows[""] == ["cnn/version_0", "dense/version_0"], "a folder of runs stands for the newest"
    assert rows["test accuracy"] == [f"{m['test']['acc']:.4f}" for m in (reported.metrics, metrics)]
    assert rows["parameters"] == [f"{m['params']:,}" for m in (reported.metrics, metrics)]
    assert rows["optimizer.init_args.lr"] == ["0.003", "0.005"]
    assert "data.synthetic_size" not in rows, "what is the same is left out"
    parsed = Page(page)
    parsed.check_alone()
    assert parsed.title == "2 runs compared, on synthetic images"
    assert list(parsed.images) == ["curves"]
    assert rows["test accuracy"] == next(row[1:] for row in parsed.rows if row[0] == "test accuracy")


def test_runs_without_a_history_compare_all_the_same(
    reported: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name / "refit/version_0"
        folder.mkdir(parents=True)
        for file in ("metrics.json", "config.yaml"):
            shutil.copy(reported.folder / file, folder)
    page = tmp_path / "page.html"
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--html", str(page)]) == 0
    assert "their configs are the same" in capsys.readouterr().out
    assert "the runs left no history" in Page(page).text


def test_the_data_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sheet"
    assert main(["data", *SYNTHETIC, "--folder", str(folder)]) == 0
    assert str(folder / "data_sheet.html") in capsys.readouterr().out
    page = Page(folder / "data_sheet.html")
    page.check_alone()
    assert page.title == "Data sheet of synthetic images"
    rows = {row[0]: row[1:] for row in page.rows}
    assert all(rows[name] == ["12", "2"] for name in CLASSES)
    assert rows["all"] == ["120", "20"]
    for name in ("class_counts", "class_means", "train_samples", "pixel_histogram"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "</svg>" in (folder / f"{name}.svg").read_text()


MISTAKES = {
    "no command": ([], "required: command"),
    "an unknown command": (["draw"], "draw"),
    "nothing to compare with": (["compare", "RUN"], "two or more"),
    "no run": (["compare", "RUN", "EMPTY"], "EMPTY is no run's folder"),
    "nothing there": (["compare", "RUN", "nowhere"], "nowhere is no run's folder"),
    "the same run twice": (["compare", "RUN", "RUN"], "named twice"),
    "a run that is cut off": (["compare", "RUN", "CUT"], "cannot read .*metrics.json"),
    "a run without config": (["compare", "RUN", "BARE"], "cannot read .*config.yaml"),
    "an unknown option": (["compare", "RUN", "RUN", "--htm", "x"], "--htm|named twice"),
    "a page that cannot be": (["compare", "RUN", "OTHER", "--html", "EMPTY/file/page.html"], "cannot write"),
    "no such data": (["data", "--data.source", "paper"], "data.source.*paper"),
    "a folder that cannot be": (["data", *SYNTHETIC, "--folder", "EMPTY/file"], "cannot write"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line(
    mistake: str, reported: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    for name in ("EMPTY", "CUT", "BARE", "OTHER"):
        (tmp_path / name).mkdir()
    (tmp_path / "EMPTY/file").write_text("a file where a folder is to be")
    (tmp_path / "CUT/metrics.json").write_text('{"config": ')
    (tmp_path / "BARE/metrics.json").write_text(json.dumps({"config": "x", "data_source": "real"}))
    for file in ("metrics.json", "config.yaml"):
        shutil.copy(reported.folder / file, tmp_path / "OTHER")
    places = {"RUN": str(reported.folder), **{n: str(tmp_path / n) for n in ("EMPTY", "CUT", "BARE", "OTHER")}}
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
    assert done.stderr.startswith("error: nowhere is no run's folder")
