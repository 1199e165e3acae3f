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
from fmnist_pl.training.last_run import last_checkpoint
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


@pytest.mark.parametrize(("schedule", "steps"), [("one_cycle", 1), *((name, 4) for name in SCHEDULES)])
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
