"""Two processes on the CPU give what one gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL, run_folder

ARGUMENTS = [
    "--config", "dense.yaml", *SMALL, "--trainer.max_epochs", "3", "--trainer.accelerator", "cpu",
    "--optimizer.lr", "0.003", "--data.batch_size", "31",
]  # fmt: skip


@pytest.fixture
def metrics_of(program: Callable[..., Any], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(name: str, *arguments: str) -> dict[str, Any]:
        done = program("fit", *ARGUMENTS, "--name", name, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("epoch   3/3") == 1, "only one process speaks"
        folder = run_folder(tmp_path / "runs", name)
        assert sorted(path.name for path in folder.parent.iterdir()) == ["version_0"]
        return json.loads((folder / "metrics.json").read_text())

    return run


def test_two_processes_train_as_one(metrics_of: Callable[..., dict[str, Any]]) -> None:
    one = metrics_of("one", "--trainer.devices", "1")
    two = metrics_of("two", "--trainer.devices", "2", "--trainer.strategy", "ddp")
    assert two["devices"] == 2
    # the same images in the same batches: only roundings differ, and the odd image in uneven halves
    assert two["val"]["loss"] == pytest.approx(one["val"]["loss"], rel=0.03)
    assert two["test"]["loss"] == pytest.approx(one["test"]["loss"], rel=0.03)
    assert abs(two["test"]["acc"] - one["test"]["acc"]) <= 0.03
    # 100 test images, each counted once: a hundredth is the smallest step
    assert round(two["test"]["acc"] * 100, 4) == int(round(two["test"]["acc"] * 100, 4))


def test_an_error_in_two_processes_ends_both(program: Callable[..., Any]) -> None:
    done = program("fit", *ARGUMENTS, "--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "1")
    assert done.returncode != 0
    assert "cannot be shared by 2 processes" in done.stderr
