"""Reports of all kinds of runs: resumed, dense, without validation, in two processes, with errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.synthetic import draw
from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from tests.conftest import SMALL, run_folder
from tests.reporting.conftest import Reported
from tests.reporting.html_page import Page
from tests.reporting.report_files import FIGURES, files_in, predictions

Fit = Callable[..., dict[str, Any]]
REPORT = ["--report", "true"]


def test_a_resumed_run_has_the_whole_history(fit: Fit, tmp_path: Path) -> None:
    fit(epochs=2)
    last = run_folder(tmp_path) / "checkpoints/last.ckpt"
    more = ["--trainer.max_epochs", "3", "--report", "true", "--trainer.default_root_dir", str(tmp_path)]
    train(["fit", "--ckpt_path", str(last), *more])
    folder = run_folder(tmp_path, version=1)
    history = json.loads((folder / "history.json").read_text())
    assert [epoch["epoch"] for epoch in history] == [0, 1, 2]
    assert history[:2] == json.loads((run_folder(tmp_path) / "history.json").read_text())
    assert "learning_curves.png" in files_in(folder / "report")


@pytest.mark.slow
def test_the_report_names_the_tested_epoch(fit: Fit, tmp_path: Path) -> None:
    # a learning rate that ruins the weights in the second epoch: the first one is best and is tested
    spoil = ["--optimizer", "SGD", "--optimizer.lr", "0.05", "--lr_scheduler", "StepLR", "--lr_scheduler.gamma", "200"]
    fit(*spoil, "--lr_scheduler.step_size", "1", *REPORT, epochs=2)
    folder = run_folder(tmp_path)
    best = folder / "checkpoints/best.ckpt"
    train(["test", "--ckpt_path", str(best), "--trainer.default_root_dir", str(tmp_path), *REPORT])
    again = run_folder(tmp_path, version=1)
    for run in (folder, again):
        assert "weights of epoch 1;" in Page(run / "report/report.html").text
    curves = "report/learning_curves.png"
    assert (folder / curves).read_bytes() == (again / curves).read_bytes(), "the dashed line is at the tested epoch"


def test_a_dense_network_without_validation_or_augmentation(fit: Fit, tmp_path: Path) -> None:
    fit("--data.val_fraction", "0", "--trainer.logger", "false", *REPORT)
    folder = run_folder(tmp_path)
    names = {path.stem for path in (folder / "report").glob("*.png")}
    assert names == FIGURES - {"feature_maps", "augmented_samples"}
    page = Page(folder / "report/report.html")
    assert "The network has no convolutions." in page.text
    assert "The run uses no augmentation" in page.text
    assert not (folder / "projector").exists(), "no events, no projector"


def test_a_network_without_mistakes(fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_pl.models import Classifier

    def always_correct(self: Classifier, batch: Any, batch_idx: int) -> torch.Tensor:
        original(self, batch, batch_idx)
        return torch.nn.functional.one_hot(batch.labels, 10) * 30.0

    original = Classifier.test_step
    monkeypatch.setattr(Classifier, "test_step", always_correct)
    fit(*REPORT)
    folder = run_folder(tmp_path)
    assert "mistakes.png" not in files_in(folder / "report")
    page = Page(folder / "report/report.html")
    assert "There are no mistakes." in page.text


@pytest.mark.parametrize("arguments", [["--test_after_fit", "false", *REPORT], ["--report", "false"]], ids=" ".join)
def test_no_report_when_told_so(fit: Fit, tmp_path: Path, arguments: list[str]) -> None:
    metrics = fit(*arguments)
    assert not (run_folder(tmp_path) / "report").exists()
    assert ("macro" in metrics.get("test", {})) == (arguments == ["--report", "false"]), "the numbers cost nothing"


@pytest.mark.slow
def test_two_processes_report_once_and_every_image_once(program: Callable[..., Any], tmp_path: Path) -> None:
    two = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.eval_batch_size", "31"]
    arguments = ["--config", "dense.yaml", *SMALL, "--trainer.max_epochs", "1", "--trainer.limit_test_batches", "3"]
    done = program("fit", *arguments, *two)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report: ") == 1, "one process writes"
    folder = run_folder(tmp_path / "runs")
    rows = predictions(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    labels = draw(600, 0).test.labels[: len(rows)]
    assert metrics["test"]["images"] == len(rows) == 75, "3 of 4 batches of 25"
    assert [row["label"] for row in rows] == [CLASSES[label] for label in labels]
    right = np.mean([row["prediction"] == row["label"] for row in rows])
    assert right == pytest.approx(metrics["test"]["acc"], abs=1e-6)


def test_a_report_that_cannot_be_written(fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_pl.training import commands

    original = commands.write_metrics

    def block(folder: Path, metrics: dict[str, Any]) -> None:
        original(folder, metrics)
        (folder / "report").write_text("a file in place of a folder")

    monkeypatch.setattr(commands, "write_metrics", block)
    with pytest.raises(UserError, match=r"cannot write .*report"):
        fit(*REPORT)
    assert (run_folder(tmp_path) / "metrics.json").exists(), "the metrics are not lost"


def test_a_checkpoint_of_another_class(reported: Reported, tmp_path: Path) -> None:
    best = str(reported.folder / "checkpoints/best.ckpt")
    with pytest.raises(UserError, match="checkpoint"):
        train(["test", "--ckpt_path", best, "--model", "DenseClassifier", "--trainer.default_root_dir", str(tmp_path)])


def test_a_history_that_no_run_wrote(reported: Reported, tmp_path: Path) -> None:
    run = tmp_path / "version_0"
    (run / "checkpoints").mkdir(parents=True)
    (run / "history.json").write_text("{}")
    checkpoint = run / "checkpoints/best.ckpt"
    checkpoint.symlink_to(reported.folder / "checkpoints/best.ckpt")
    with pytest.raises(UserError, match=r"history.json"):
        train(["test", "--ckpt_path", str(checkpoint), "--trainer.default_root_dir", str(tmp_path), *REPORT])


def test_a_test_without_images(fit: Fit) -> None:
    with pytest.raises(UserError, match="trainer.limit_test_batches"):
        fit("--trainer.limit_test_batches", "0")
