"""Stop and go on: the end is, bit for bit, that of a run that was never stopped."""

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

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from tests.conftest import NO_PICTURES, ROOT, SMALL, run_folder, weights
from tests.training.recipes import SCHEDULES, STATEFUL, StoppedError, stop_after


@pytest.mark.parametrize(
    "schedule",
    [pytest.param(name, marks=() if name in ("one_cycle", "average") else pytest.mark.slow) for name in SCHEDULES],
)
def test_a_resumed_run_ends_bit_for_bit_as_one_never_stopped(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    arguments = [*STATEFUL, *SCHEDULES[schedule]]
    whole = fit(*arguments, "--name", "whole", epochs=4)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        stop_after(patch, steps=9 * 2 + 4)  # in the third epoch of nine steps
        fit(*arguments, "--name", "stopped", epochs=4)
    last = run_folder(tmp_path, "stopped") / "checkpoints/last.ckpt"
    before = last.read_bytes()
    resumed = train(["fit", "--ckpt_path", str(last)])
    one = weights(run_folder(tmp_path, "whole") / "checkpoints/last.ckpt")
    two = weights(run_folder(tmp_path, "stopped", version=1) / "checkpoints/last.ckpt")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert resumed["val"] == whole["val"], "the best epoch is the best of both parts"
    assert resumed["test"] == whole["test"]
    assert resumed["epochs"] == 4
    assert last.read_bytes() == before, "the stopped run is left as it was"


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # of the user's own ModelCheckpoint
@pytest.mark.parametrize("step", [4, 13])
def test_a_checkpoint_from_the_middle_of_an_epoch(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, step: int
) -> None:
    arguments = [*STATEFUL, *SCHEDULES["one_cycle"]]
    every = ["--trainer.callbacks+", "ModelCheckpoint", "--trainer.callbacks.every_n_train_steps", str(step)]
    every += ["--trainer.callbacks.save_top_k", "-1", "--trainer.callbacks.filename", "{step}"]
    fit(*arguments, *every, "--name", "whole", epochs=3)
    folder = run_folder(tmp_path, "whole") / "checkpoints"
    train(["fit", "--ckpt_path", str(folder / f"step={step}.ckpt")])
    one, two = weights(folder / "last.ckpt"), weights(run_folder(tmp_path, "whole", 1) / "checkpoints/last.ckpt")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_regularized_cnn_resumes_bit_for_bit(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    arguments = ["--data.synthetic_size", "300", "--data.batch_size", "90", "--trainer.precision", precision]
    whole = fit(*arguments, "--name", "whole", config="cnn_regularized.yaml", epochs=2)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        stop_after(patch, steps=4)
        fit(*arguments, "--name", "stopped", config="cnn_regularized.yaml", epochs=2)
    resumed = train(["fit", "--ckpt_path", str(run_folder(tmp_path, "stopped") / "checkpoints/last.ckpt")])
    one = weights(run_folder(tmp_path, "whole") / "checkpoints/last.ckpt")
    two = weights(run_folder(tmp_path, "stopped", version=1) / "checkpoints/last.ckpt")
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert resumed["test"] == whole["test"]


def test_a_run_on_drawn_images_stays_on_them(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network() -> Path:
        raise UserError("no network")

    monkeypatch.setattr("fmnist_pl.data.source.download", no_network)
    monkeypatch.chdir(tmp_path)
    fit("--data.source", "auto")
    last = run_folder(tmp_path) / "checkpoints/last.ckpt"
    assert torch.load(last, weights_only=True)["config"]["data"]["source"] == "synthetic"


def test_going_on_for_longer_and_with_another_rate(fit: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    fit(*SCHEDULES["one_cycle"], "--model.hidden_sizes", "[32]", epochs=2)
    last = run_folder(tmp_path) / "checkpoints/last.ckpt"
    longer = train(["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "4"])
    assert longer["epochs"] == 4
    assert longer["params"] == 784 * 32 + 32 + 330, "the model is the checkpoint's own"


def test_a_checkpoint_named_in_a_config_brings_its_own_config(
    fit: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    fit("--model.hidden_sizes", "[16]")
    config = tmp_path / "go_on.yaml"
    config.write_text(f"ckpt_path: {run_folder(tmp_path) / 'checkpoints/last.ckpt'}\ntrainer: {{max_epochs: 2}}\n")
    metrics = train(["fit", "--config", str(config)])
    assert metrics["params"] == 784 * 16 + 16 + 170, "the model is the checkpoint's own"
    assert metrics["epochs"] == 2


def test_what_the_user_says_wins_over_the_checkpoint(fit: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    fit("--data.batch_size", "100")
    last = str(run_folder(tmp_path) / "checkpoints/last.ckpt")
    train(
        ["fit", "--ckpt_path", last, "--trainer.max_epochs", "2", "--data.batch_size", "50", "--model.dropout", "0.5"]
    )
    config = torch.load(run_folder(tmp_path, version=1) / "checkpoints/last.ckpt", weights_only=True)["config"]
    assert config["data"]["batch_size"] == 50
    assert config["model"]["init_args"]["dropout"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_killed_run_leaves_checkpoints_to_go_on_from(tmp_path: Path, how: signal.Signals) -> None:
    arguments = ["fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "100000"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    folder = tmp_path / "runs/dense/version_0"
    deadline = time.monotonic() + 60
    while not (folder / "checkpoints/last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(how)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    last = folder / "checkpoints/last.ckpt"
    epochs = torch.load(last, weights_only=True)["epoch"] + 1
    assert epochs >= 1
    if how == signal.SIGINT:
        assert "stopped: go on with" in errors
        assert "Traceback" not in errors
    metrics = train(
        ["fit", "--ckpt_path", str(last), "--trainer.max_epochs", str(epochs + 1)]
        + ["--trainer.default_root_dir", str(tmp_path)]
    )
    assert metrics["epochs"] == epochs + 1
