"""Signals in the middle of an epoch: a checkpoint, a clean exit, and the same command continues, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.models import Classifier
from fmnist_pl.training import train
from fmnist_pl.training.checkpoints import last_checkpoint
from tests.conftest import NO_PICTURES, ROOT, SMALL, run_folder, weights
from tests.training.recipes import SCHEDULES, STATEFUL

STEPS = 9  # per epoch of STATEFUL
LAST = ["--ckpt_path", "last"]


def signal_at(patch: pytest.MonkeyPatch, step: int, number: int = signal.SIGTERM) -> None:
    """Let this process receive a signal in the middle of a step."""
    original = Classifier.training_step

    def training_step(self: Classifier, batch: Any, batch_idx: int) -> Any:
        result = original(self, batch, batch_idx)
        if self.global_step >= step and not sent:
            sent.append(number)
            signal.raise_signal(number)
        return result

    sent: list[int] = []
    patch.setattr(Classifier, "training_step", training_step)


def assert_equal_runs(one: Path, two: Path) -> None:
    """The same weights and the same metrics in each epoch, bit for bit."""
    first, second = (weights(folder / "checkpoints/last.ckpt") for folder in (one, two))
    assert all(torch.equal(first[name], second[name]) for name in first)
    history, other = (json.loads((folder / "history.json").read_text()) for folder in (one, two))
    for epoch in history + other:
        epoch.pop("train/images_per_second", None)
    assert history == other
    results = [json.loads((folder / "metrics.json").read_text()) for folder in (one, two)]
    assert results[0]["test"] == results[1]["test"]
    assert results[0]["epochs"] == results[1]["epochs"]


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [("one_cycle", 1), ("plateau", 4)]
    + [pytest.param(name, 4, marks=pytest.mark.slow) for name in SCHEDULES if name != "plateau"],
)
def test_a_run_stopped_by_a_signal_continues_bit_for_bit(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, steps: int
) -> None:
    arguments = [*STATEFUL, *SCHEDULES[schedule], "--steps_per_execution", str(steps)]
    fit(*arguments, "--name", "whole", epochs=3)
    with monkeypatch.context() as patch, pytest.raises(StoppedError, match=r"last\.ckpt"):
        signal_at(patch, step=STEPS + 3)
        fit(*arguments, "--name", "stopped", *LAST, epochs=3)
    saved = torch.load(run_folder(tmp_path, "stopped") / "checkpoints/last.ckpt", weights_only=True)
    assert STEPS < saved["global_step"] < 2 * STEPS, "in the middle of the second epoch"
    fit(*arguments, "--name", "stopped", *LAST, epochs=3)
    assert_equal_runs(run_folder(tmp_path, "whole"), run_folder(tmp_path, "stopped", version=1))


def test_a_signal_before_a_validation_in_the_epoch_waits_for_it(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--data.batch_size", "60", "--trainer.val_check_interval", "4", "--trainer.accumulate_grad_batches"]
    fit(*arguments, "2", "--name", "whole", epochs=2)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        signal_at(patch, step=1)  # of two batches; the validation follows the fourth batch
        fit(*arguments, "2", "--name", "stopped", *LAST, epochs=2)
    fit(*arguments, "2", "--name", "stopped", *LAST, epochs=2)
    assert_equal_runs(run_folder(tmp_path, "whole"), run_folder(tmp_path, "stopped", version=1))


def test_a_signal_in_the_last_step_ends_the_run_without_its_test(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--data.batch_size", "60", "--name", "stopped", *LAST]
    with monkeypatch.context() as patch, pytest.raises(StoppedError, match=r"last\.ckpt"):
        signal_at(patch, step=STEPS)
        fit(*arguments)
    assert not (run_folder(tmp_path, "stopped") / "metrics.json").exists()
    metrics = fit(*arguments)
    assert (metrics["epochs"], "test" in metrics) == (1, True)
    assert fit(*arguments)["epochs"] == 1, "after a finished run the same command starts afresh"


def test_a_diverged_run_that_is_stopped_keeps_its_last_sound_checkpoint(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_at(monkeypatch, step=1)
    with pytest.raises(UserError, match="not finite"):
        fit("--optimizer", "SGD", "--optimizer.lr", "1e30", "--data.batch_size", "60", "--steps_per_execution", "4")
    assert not list(run_folder(tmp_path).glob("checkpoints/last.ckpt"))


def make_run(folder: Path, *, checkpoint: bool = True, command: str | None = None) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    if checkpoint:
        (folder / "checkpoints/last.ckpt").touch()
    if command:
        (folder / "metrics.json").write_text(json.dumps({"command": command}))
    return folder / "checkpoints/last.ckpt"


def test_the_newest_stopped_run_is_found(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "cnn") is None
    make_run(tmp_path / "version_2")
    newest = make_run(tmp_path / "version_10")
    make_run(tmp_path / "version_11", checkpoint=False)
    make_run(tmp_path / "version_12", checkpoint=False, command="test")
    make_run(tmp_path / "version_x")
    assert last_checkpoint(tmp_path) == newest
    make_run(tmp_path / "version_13", command="fit")
    assert last_checkpoint(tmp_path) is None, "a later run is finished"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fit", "--ckpt_path", "last"], "--config NAME.yaml, or --name"),
        (["fit", "--config", "dense.yaml", "--name", "../x", "--ckpt_path", "last"], "name: '../x'"),
        (["test", "--config", "dense.yaml", "--ckpt_path", "last"], "no checkpoint last"),
    ],
)
def test_a_wrong_use_of_last_is_one_line(arguments: list[str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        train(arguments)


COMMAND = [
    "fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, "--data.batch_size", "1",
    "--data.augment.shift", "0.1", "--model.dropout", "0.2", "--trainer.max_epochs", "3", *LAST,
]  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *COMMAND, *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, errors = process.communicate(timeout=500)
    finally:
        process.kill()
    return process.returncode, out, errors


@pytest.mark.slow
def test_real_signals_and_the_same_command(tmp_path: Path) -> None:
    code, _, errors = finish(start(tmp_path / "whole"))
    assert code == 0, errors
    runs = tmp_path / "stopped/runs/dense"
    for version, number in enumerate((signal.SIGTERM, signal.SIGUSR1)):
        process = start(tmp_path / "stopped")
        assert process.stdout is not None
        while not process.stdout.readline().startswith("epoch"):
            assert process.poll() is None
        time.sleep(0.05)  # into the next epoch, of 540 steps
        process.send_signal(number)
        code, _, errors = finish(process)
        assert code == 128 + number
        assert "Traceback" not in errors
        assert f"--ckpt_path runs/dense/version_{version}/checkpoints/last.ckpt" in errors
        saved = torch.load(runs / f"version_{version}/checkpoints/last.ckpt", weights_only=True)
        assert saved["global_step"] % 540, "in the middle of an epoch"
    code, out, errors = finish(start(tmp_path / "stopped"))
    assert code == 0, errors
    assert "continues runs/dense/version_1/checkpoints/last.ckpt" in out
    assert_equal_runs(tmp_path / "whole/runs/dense/version_0", runs / "version_2")


@pytest.mark.slow
def test_two_presses_of_ctrl_c_stop_at_once(tmp_path: Path) -> None:
    pause = ["--trainer.callbacks+", "tests.training.recorder.Pause"]
    process = start(tmp_path, *pause)
    wait_until((tmp_path / "paused").exists)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None, "the step is not finished"
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130
    assert "Traceback" not in errors


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 500
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_signal_to_one_of_two_processes_stops_both_at_the_same_step(tmp_path: Path) -> None:
    two = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "4"]
    process = start(tmp_path, *two)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("epoch"):
        assert process.poll() is None
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # to the first one alone
    code, _, errors = finish(process)
    assert code == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    assert errors.count("stopped") == 1, "one process tells"
    saved = torch.load(tmp_path / "runs/dense/version_0/checkpoints/last.ckpt", weights_only=True)
    assert saved["global_step"] % 135, "in the middle of an epoch"
