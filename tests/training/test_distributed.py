"""Two processes on the CPU give what one gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NO_PICTURES, ROOT, SMALL, run_folder

pytestmark = pytest.mark.slow

ARGUMENTS = [
    "--config", "dense.yaml", *SMALL, "--trainer.max_epochs", "3",
    "--optimizer.lr", "0.003", "--data.batch_size", "31", *NO_PICTURES,
]  # fmt: skip


@pytest.fixture
def metrics_of(program: Callable[..., Any], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(name: str, *arguments: str) -> dict[str, Any]:
        done = program("fit", *ARGUMENTS, "--name", name, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("epoch   3/3") == 1, "only one process speaks"
        assert "sync_dist" not in done.stderr, "metrics are logged as those of all processes"
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


def test_every_image_is_seen_once_by_one_of_two_processes(program: Callable[..., Any], tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.mkdir()
    two = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.augment.horizontal_flip", "0"]
    recorder = ["--trainer.callbacks+", "tests.training.recorder.Recorder"]
    done = program("fit", *ARGUMENTS, *two, *recorder, RECORD=str(record), PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr

    def seen(stage: str, epoch: int) -> list[list[str]]:
        return [(record / f"{stage}-{epoch}-{rank}").read_text().split() for rank in range(2)]

    epochs = [seen("train", epoch) for epoch in range(3)]
    for first, second in epochs:
        assert abs(len(first) - len(second)) <= 18, "a batch is halved, to within one image"
        assert len(first) + len(second) == len(set(first) | set(second)) == 540
    assert len({tuple(first) for first, _ in epochs}) == 3, "another order in each epoch"
    first, second = (path.read_text().split() for path in sorted(record.glob("test-*")))
    assert len(first) + len(second) == len(set(first) | set(second)) == 100


def test_an_error_in_two_processes_ends_both(program: Callable[..., Any]) -> None:
    done = program("fit", *ARGUMENTS, "--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "1")
    assert done.returncode != 0
    assert "cannot be shared by 2 processes" in done.stderr


@pytest.mark.parametrize(
    ("threads", "expected"), [([], "bf16-mixed 1"), (["--threads", "2"], "bf16-mixed 2")], ids=["chosen", "given"]
)
def test_two_processes_choose_the_same(
    program: Callable[..., Any], tmp_path: Path, threads: list[str], expected: str
) -> None:
    two = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.precision", "null", *threads]
    writer = ["--trainer.callbacks+", "tests.training.bf16_cpu.WriteChoice"]
    environment = {"RECORD": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    done = program("fit", *ARGUMENTS, *two, *writer, "--trainer.max_epochs", "1", **environment)
    assert done.returncode == 0, done.stderr
    assert "1.8 times" in done.stdout
    assert (tmp_path / "measured").read_text().split() == ["measured"], "by one of them"
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in range(2)] == [expected] * 2
