"""``python -m fmnist_pl.reporting``: compare runs, write the data sheet."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.__main__ import main
from fmnist_pl.reporting.runs import read_history
from tests.conftest import ROOT
from tests.reporting.conftest import Reported
from tests.reporting.html_page import Page

SYNTHETIC = ["--data.source", "synthetic", "--data.synthetic_size", "120"]


def table(text: str, place: int = 0) -> dict[str, dict[str, str]]:
    """A table in Markdown: row -> column -> cell."""
    lines = [part for part in text.split("\n\n") if part.startswith("|")][place].splitlines()
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def test_runs_side_by_side(
    reported: Reported, fit: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = reported.metrics["threads"]
    metrics = fit("--optimizer.lr", "0.005", "--threads", str(threads + 1))
    capsys.readouterr()
    curves = tmp_path / "pictures/curves.png"
    assert main(["compare", str(reported.folder), str(tmp_path / "dense"), "--curves", str(curves)]) == 0
    printed = capsys.readouterr().out
    assert curves.read_bytes().startswith(b"\x89PNG")
    assert printed.splitlines()[-1].endswith(str(curves))
    rows, keys = table(printed), table(printed, 1)
    assert list(rows) == ["cnn/version_0", "dense/version_0"], "a folder of runs stands for the newest"
    for row, m in zip(rows.values(), (reported.metrics, metrics), strict=True):
        assert row["test accuracy"] == f"{m['test']['acc']:.4f}"
        assert row["parameters"] == f"{m['params']:,}"
        assert row["n"] == "1"
    assert list(keys["optimizer.init_args.lr"].values()) == ["0.003", "0.005"]
    assert list(keys["threads"].values()) == [str(threads), str(threads + 1)], "a machine key"
    assert not {"name", "histograms", "report", "trainer.default_root_dir"} & set(keys), "output keys are left out"
    assert "data.synthetic_size" not in keys, "equal keys are left out"


def write_run(folder: Path, seed: int, wrong: int, size: int = 16) -> None:
    """The files of a run on 200 test images that is wrong about the first ones."""
    (folder / "report").mkdir(parents=True)
    metrics = {"data_source": "synthetic", "seed": seed, "params": 1000, "test": {"acc": 1 - wrong / 200}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "config.yaml").write_text(f"seed_everything: {seed}\nname: {folder.name}\nmodel: {{size: {size}}}\n")
    rows = [f"{i},Coat,{'Shirt' if i < wrong else 'Coat'}" for i in range(200)]
    (folder / "report/predictions.csv").write_text("\n".join(["index,label,prediction", *rows]))


def test_seeds_are_one_row_and_recipes_are_compared_on_the_same_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, wrong in enumerate((20, 24, 28)):
        write_run(tmp_path / f"a{seed}", seed, wrong)
    write_run(tmp_path / "b", 0, 80, size=32)
    write_run(tmp_path / "c", 0, 81, size=64)
    assert main(["compare", *(str(tmp_path / name) for name in ("a0", "b", "a1", "c", "a2"))]) == 0
    printed = capsys.readouterr().out
    rows = table(printed)
    first, second, third = rows
    assert (rows[first]["n"], rows[first]["seeds"], rows[second]["n"]) == ("3", "0, 1, 2", "1")
    assert rows[first]["test accuracy"] == "0.8800 ± 0.0200"
    assert rows[first]["parameters"] == "1,000"
    assert table(printed, 1) == {"model.size": {first: "16", second: "32", third: "64"}}
    sentences = [line for line in printed.splitlines() if " against " in line]
    assert len(sentences) == 3
    assert "+0.2800" in sentences[0]
    assert "bootstrap" in sentences[0]
    assert "is significant" in sentences[0]
    assert "+0.0050" in sentences[2]
    assert "McNemar" in sentences[2]
    assert "could be chance" in sentences[2]


def test_a_seed_run_twice_is_no_second_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, wrong in (("a", 20), ("b", 24)):
        write_run(tmp_path / name, 0, wrong)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert [row["n"] for row in table(capsys.readouterr().out).values()] == ["1", "1"]


@pytest.mark.parametrize("content", ["", "index,label,prediction\n", "a,b\n1,2\n", "index,label,prediction\n0,Coat\n"])
def test_predictions_that_no_run_wrote(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name, 0, 20, size=len(name))
    (tmp_path / "a/report/predictions.csv").write_text(content)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "predictions.csv" in line


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
    "curves in a text": (["compare", "RUN", "RUN", "--curves", "c.txt"], r"--curves.*\.png"),
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


METRICS = {
    "config": "dense",
    "data_source": "synthetic",
    "seed": 0,
    "params": 1,
    "test": {"acc": 0.5, "macro": {"f1": 0.5}},
}
FOREIGN = {
    "a list": ([], r"metrics.json .*no keys"),
    "nothing": ({}, r"metrics.json .*no keys"),
    "a word for a number": (METRICS | {"params": "many"}, r"metrics.json: params is many, not a number"),
    "a list for a number": (METRICS | {"test": {"acc": [1]}}, r"metrics.json: test.acc is \[1\], not a number"),
    "a mapping for a number": (METRICS | {"seed": {"a": 1}}, r"metrics.json: seed is .*not a number"),
    "a number for a word": (METRICS | {"data_source": 5}, r"metrics.json: data_source is 5, not text"),
    "a number beyond floats": (METRICS | {"test": {"loss": 10**400}}, r"metrics.json: test.loss is 1000.*not a number"),
    "too many digits": ('{"seed": ' + "9" * 5000 + "}", r"cannot read .*metrics.json"),
    "too deep": ("[" * 100_000, r"cannot read .*metrics.json"),
    "too long": ("[" + " " * 5_000_000 + "]", r"metrics.json .*larger than 4 MB"),
    "not UTF-8": (b"\xff\xfe{}", r"cannot read .*metrics.json"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_metrics_that_no_run_wrote(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = FOREIGN[case]
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    for name, of_run in (("sound", json.dumps(METRICS)), ("foreign", text)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_bytes(of_run if isinstance(of_run, bytes) else of_run.encode())
        (tmp_path / name / "config.yaml").write_text("seed_everything: 0\n")
    assert main(["compare", str(tmp_path / "sound"), str(tmp_path / "foreign")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line), line


def test_what_a_foreign_run_says_is_printed_without_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(METRICS | {"data_source": "\x1b[2J|" + name}))
    (tmp_path / "a/config.yaml").write_text('x: "\\e]0;title\\a"\ny: [{2020-01-01: 1}]\n')
    (tmp_path / "b/config.yaml").write_text("x: " + "b" * 3_000 + "\n")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert max(map(len, printed.splitlines())) < 1000


def test_pipes_and_folders_of_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, file in (("a", "metrics.json"), ("b", "config.yaml")):
        (tmp_path / name / "version_²").mkdir(parents=True)
        (tmp_path / name / "version_²/metrics.json").write_text(json.dumps(METRICS))
        (tmp_path / name / "version_0").mkdir()
        (tmp_path / name / "version_0/metrics.json").write_text(json.dumps(METRICS))
        (tmp_path / name / "version_0" / file).unlink(missing_ok=True)
        os.mkfifo(tmp_path / name / "version_0" / file)
        assert main(["compare", str(tmp_path / name), str(tmp_path / name)]) == 1
        assert name in capsys.readouterr().err
    assert main(["compare", "x" * 300, "y"]) == 1
    assert capsys.readouterr().err.startswith("error: xxx")


@pytest.mark.parametrize(
    "history", ["{}", "[5]", '[{"epoch": "x"}]', '[{"loss": 1}]', '[{"epoch": 0, "train/loss": [1]}]', "[" * 100_000]
)
def test_a_history_that_no_run_wrote(history: str, tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(history)
    with pytest.raises(UserError, match=r"history.json"):
        read_history(tmp_path / "history.json")
