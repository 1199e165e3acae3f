"""Random names of runs, studies, stages and photos: nothing leaves the working folder, the terminal or a cell."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_pl.config import check_name
from fmnist_pl.foreign_text import csv_cell, printable
from fmnist_pl.training import main
from fmnist_pl.tuning.command_line import parse
from tests.photos.sample_files import encoded, shirt
from tests.properties.conftest import examples
from tests.properties.harness import run, run_here, working_folder
from tests.properties.hostile import TEXTS, texts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SMALL = [
    "--data.source",
    "synthetic",
    "--data.synthetic_size",
    "100",
    "--trainer.accelerator",
    "cpu",
    "--report",
    "false",
]
SMALL += ["--trainer.max_epochs", "1", "--live_pictures", "false", "--trainer.enable_model_summary", "false"]
PHOTO = encoded(shirt(40))
names = st.one_of(
    texts,
    st.lists(
        st.sampled_from(["..", ".", "/", "~", "a", "é", " ", "\n", "-", "=", "\\", "%s", "$HOME", "*"]), max_size=6
    ).map("".join),
    st.sampled_from(TEXTS).flatmap(lambda text: st.sampled_from([f"../{text}", f"/{text}", f"{text}/..", f"~{text}"])),
).filter(lambda name: "\0" not in name)  # no command line holds it


@examples(1000)
@given(name=names)
def test_a_name_is_one_folder(name: str) -> None:
    def make() -> None:
        Path(check_name(name, "name")).mkdir()

    run(make)


@examples(12)
@given(name=names)
def test_any_name_of_a_run(name: str) -> None:
    with working_folder() as folder:
        refusal = run_here(lambda: main(["fit", "--config", "dense.yaml", *SMALL, f"--name={name}"]))
        assert [path.name for path in folder.iterdir()] == ([] if refusal else ["runs"])
        assert refusal or [path.name for path in (folder / "runs").iterdir()] == [name]


@examples(40)
@given(name=names)
def test_any_name_of_a_study(name: str) -> None:
    def home() -> None:
        search = parse(["--config", "dense.yaml", f"--study-name={name}"])
        assert search.home.parent == search.folder

    run(home)


file_names = names.filter(lambda name: name not in ("", ".", "..") and "/" not in name).map(
    lambda name: os.fsdecode(name.encode("utf-8", "surrogatepass")[:200])
) | st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b"..")).map(
    os.fsdecode
)


@examples(15)
@given(found=st.lists(file_names, min_size=1, max_size=4, unique=True), refused=file_names)
def test_any_names_of_photos(found: list[str], refused: str) -> None:
    with working_folder() as folder:
        (folder / "photos").mkdir()
        (folder / "photos" / refused).write_bytes(b"no photo")
        for name in found:
            (folder / "photos" / name).write_bytes(PHOTO)
        visible = [name for name in found if not name.startswith(".")]
        others = [name for name in {refused} - set(found) if not name.startswith(".")]
        line = run_here(lambda: main(["predict", "--data.predict_path", "photos", "--trainer.accelerator", "cpu"]))
        assert (line == "") == bool(visible and not others)
        if not visible:
            return
        (table,) = folder.glob("runs/*/version_0/predictions.csv")
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(visible)
        for row in rows:
            assert row["file"].isprintable()
            assert row["file"].startswith("photos/")


@examples(1000)
@given(text=texts)
def test_any_text_is_printed_and_written(text: str) -> None:
    assert printable(text).isprintable()
    printable(text).encode()
    cell = csv_cell(text)
    assert cell.isprintable()
    assert not cell.strip().startswith(("=", "+", "-", "@"))
