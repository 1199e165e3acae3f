"""Run benchmarks in this process, in an empty folder, on tiny images."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"
TINY = """
model: {class_path: DenseClassifier, init_args: {hidden_sizes: [16]}}
data: {verify: false, batch_size: 32}
trainer: {max_epochs: 1, accelerator: cpu, enable_model_summary: false}
live_pictures: false
report: false
"""


class Done(NamedTuple):
    """Result of a command: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Empty working folder, with the benchmarks' folder on the import path, as for a script in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return tmp_path


@pytest.fixture
def benchmark(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a benchmark in this process, in an empty folder."""

    def run(script: str, *arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
        return Done(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def tiny(here: Path, idx_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A config without ``.yaml`` that trains on 200 images from files for one epoch."""
    monkeypatch.setenv("FMNIST_DATA", str(idx_folder))
    (here / "tiny.yaml").write_text(TINY)
    return str(here / "tiny")
