"""Files of earlier releases: they load and go on, or one line says what to do."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.errors import UserError
from fmnist_pl.predictor import Predictor
from fmnist_pl.training import train

RELEASE = Path(__file__).parent / "0.1.0"
QUIET = ["--report", "false", "--live_pictures", "false", "--trainer.enable_model_summary", "false"]


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoint after two epochs of `dense` with two hidden units, in a folder as a run leaves it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs/dense/version_0/checkpoints/last.ckpt"
    path.parent.mkdir(parents=True)
    shutil.copy(RELEASE / "last.ckpt", path)
    return path


def test_a_checkpoint_is_tested_and_predicts(checkpoint: Path) -> None:
    metrics: dict[str, Any] = train(["test", "--ckpt_path", str(checkpoint), "--report", "false"])
    assert metrics["params"] == 784 * 2 + 2 + 30
    assert metrics["data_source"] == "synthetic"
    probabilities = Predictor.from_checkpoint(checkpoint).predict(torch.zeros(3, 28, 28, dtype=torch.uint8))[1]
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))


@pytest.mark.filterwarnings("ignore:.*best epoch so far")
def test_a_checkpoint_is_resumed(checkpoint: Path) -> None:
    metrics = train(["fit", "--ckpt_path", str(checkpoint), "--trainer.max_epochs", "3", *QUIET])
    assert metrics["epochs"] == 3


def test_an_export_says_how_to_make_it_anew() -> None:
    with pytest.raises(UserError, match=r"dense.safetensors .*fmnist_pl.export"):
        Predictor.from_export(RELEASE / "dense.safetensors")


def test_a_study_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_pl.tuning import tune
    from fmnist_pl.tuning.command_line import parse

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/tune/search"
    folder.mkdir(parents=True)
    shutil.copy(RELEASE / "journal.log", folder)
    before = (folder / "journal.log").read_bytes()
    with pytest.raises(UserError, match="--study-name"):
        tune(parse(["--config", str(RELEASE / "search.yaml")]))
    assert (folder / "journal.log").read_bytes().startswith(before), "the finished trials are kept"
