"""Random words on the command lines of the real programs: success or one line."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.properties.conftest import examples
from tests.properties.harness import working_folder
from tests.properties.hostile import texts

pytestmark = pytest.mark.slow

PROGRAMS = {
    "train": ["train.py", "fit", "--config", "dense.yaml", "--data.root", "nowhere"],
    "tune": ["tune.py", "--config", "dense.yaml", "--n-trials", "0"],
    "reporting": ["-m", "fmnist_pl.reporting", "compare"],
    "export": ["-m", "fmnist_pl.export", "--format", "onnx"],
}
FLAGS = ["--name", "--study-name", "--model.dropout", "--space.x", "--ckpt_path", "--out", "--config"]
typed = texts.filter(lambda text: "\0" not in text).map(lambda text: text.encode("utf-8", "surrogatepass"))
words = st.lists(st.sampled_from(FLAGS) | typed, min_size=1, max_size=4)


@examples(2)
@pytest.mark.parametrize("program", PROGRAMS)
@given(added=words)
def test_any_words(program: str, added: list[str | bytes]) -> None:
    first, *rest = PROGRAMS[program]
    place = str(ROOT / first) if first.endswith(".py") else first
    with working_folder() as folder:
        done = subprocess.run(
            [sys.executable, place, *rest, *added], cwd=folder, capture_output=True, timeout=300,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )  # fmt: skip
        lines = [line for line in done.stderr.splitlines() if line.startswith(b"error: ")]
        assert b"Traceback" not in done.stderr, done.stderr
        assert (done.returncode, len(lines)) in ((0, 0), (1, 1), (2, 1)), done.stderr
        assert list(folder.parent.iterdir()) == [folder], "it wrote beside the working folder"
