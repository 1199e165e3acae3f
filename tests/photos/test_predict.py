"""``train.py predict --data.predict_path``: table, files, contact sheet, exit code."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.training import main
from tests.conftest import run_folder
from tests.photos.sample_files import encoded, shirt


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    folder.mkdir()
    (folder / "c $ shirt.png").write_bytes(encoded(shirt()))
    (folder / "a.jpg").write_bytes(encoded(shirt(ground=(0, 0, 0)), "JPEG"))
    (folder / "b wall.bmp").write_bytes(encoded(Image.new("RGB", (40, 30), "green"), "BMP"))
    return folder


def predict(photos: Path | str, root: Path, *arguments: str) -> int:
    where = ["--trainer.default_root_dir", str(root), "--trainer.accelerator", "cpu"]
    return main(["predict", f"--data.predict_path={photos}", *where, *arguments])


def table_of(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "predictions.csv").read_text().splitlines()))


def test_the_shipped_weights_on_a_folder(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(photos, tmp_path, "--show") == 0
    run = run_folder(tmp_path, "shipped")
    rows = table_of(run)
    names = ["a.jpg", "b wall.bmp", "c $ shirt.png"]
    assert [Path(row["file"]).name for row in rows] == names
    for row in rows:
        likeliest = [float(row[key]) for key in ("probability", "probability_2", "probability_3")]
        assert sorted(likeliest, reverse=True) == likeliest
        assert {row["class"], row["class_2"], row["class_3"]} < set(CLASSES)
    assert rows[1]["unsure"] == "nothing stands out from the background"
    told = json.loads((run / "predictions.json").read_text())
    assert [entry["class"] for entry in told["predictions"]] == [row["class"] for row in rows]
    assert told["refused"] == []
    with Image.open(run / "contact_sheet.png") as sheet:
        assert sheet.width > sheet.height > 100
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].endswith(name) for line, name in zip(lines[2:], names, strict=False)] == [True] * 3
    assert "?" in lines[3], "an unsure class is marked"
    assert "unsure: nothing stands out" in lines[3]


def test_a_bad_file_is_named_and_the_others_are_predicted(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "b.png").write_bytes(b"no picture")
    assert predict(photos, tmp_path) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("refused ")
    assert "b.png" in errors[0]
    assert errors[-1].startswith("error: 1 of 4 files ")
    told = json.loads((run_folder(tmp_path, "shipped") / "predictions.json").read_text())
    assert len(told["predictions"]) == 3
    assert [Path(entry["file"]).name for entry in told["refused"]] == ["b.png"]


def test_your_checkpoint(fit: Callable[..., dict[str, Any]], photos: Path, tmp_path: Path) -> None:
    fit()
    best = run_folder(tmp_path) / "checkpoints/best.ckpt"
    assert predict(photos / "*.png", tmp_path, "--ckpt_path", str(best)) == 0
    rows = table_of(run_folder(tmp_path, version=1))
    assert len(rows) == 1


def test_a_run_of_photos_runs_again_from_its_config(photos: Path, tmp_path: Path) -> None:
    assert predict(photos, tmp_path) == 0
    config = run_folder(tmp_path, "shipped") / "config.yaml"
    assert main(["predict", "--config", str(config)]) == 0
    first, second = (run_folder(tmp_path, "shipped", n) / "predictions.csv" for n in (0, 1))
    assert first.read_text() == second.read_text()


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_without_any_photo_there_is_no_run(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    assert predict(tmp_path / "x.png", tmp_path / "runs") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_names_that_strangers_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A formula, an escape sequence, a second line, bytes that are no UTF-8: all photos are predicted."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = [b"=cmd|' C calc'!A0.png", b"\x1b[2J$red$.png", b"two\nlines.png", b"\xff\xfe.png"]
    for name in names:
        (folder / os.fsdecode(name)).write_bytes(encoded(shirt()))
    (folder / os.fsdecode(b"\x1b]0;title\x07\xff.txt")).write_bytes(b"no photo")
    monkeypatch.chdir(folder)
    assert predict("*", tmp_path, "--show") == 1
    printed = capfd.readouterr()
    assert (printed.out + printed.err).replace("\n", "").isprintable()
    run = run_folder(tmp_path, "shipped")
    cells = [row["file"] for row in table_of(run)]
    assert cells == [r"\x1b[2J$red$.png", "'=cmd|' C calc'!A0.png", r"two\nlines.png", r"\udcff\udcfe.png"]
    told = json.loads((run / "predictions.json").read_text())
    assert {os.fsencode(entry["file"]) for entry in told["predictions"]} == set(names), "for programs, as they are"
    assert (run / "contact_sheet.png").exists()


def test_a_pipe_and_a_path_that_is_too_long(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(photos / "pipe.png")
    assert predict(photos, tmp_path) == 1
    assert "pipe.png: it is not a regular file" in capsys.readouterr().err
    assert predict("x" * 300, tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: xxx")
    assert "255" in line
