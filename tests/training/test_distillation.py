"""Distillation through train.py: the targets of the teachers, stop and go on, and teachers that are refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.errors import UserError
from fmnist_pl.predictor import Predictor
from fmnist_pl.training import main, train
from tests.conftest import NO_PICTURES, ROOT, SMALL, run_folder, weights
from tests.training.recipes import SCHEDULES, STATEFUL, StoppedError, stop_after

Fit = Callable[..., dict[str, Any]]
KEY = "data.distillation.teachers"
MIRRORED = ["--data.augment.horizontal_flip", "0.5"]


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Best checkpoints of two trainings that differ by seed."""
    root = tmp_path_factory.mktemp("teachers")
    common = ["--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1"]
    for seed in ("0", "1"):
        train(["fit", *common, "--trainer.default_root_dir", str(root), "--seed_everything", seed])
    return [str(run_folder(root, version=version) / "checkpoints/best.ckpt") for version in range(2)]


def taught_by(teachers: list[str], weight: float = 1.0) -> list[str]:
    return [f"--{KEY}", json.dumps(teachers), "--data.distillation.weight", str(weight)]


class SeenTargets(Callback):
    """Keeps the training images and compares each batch with them."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.data = trainer.datamodule.train_data

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        assert torch.equal(batch.targets, self.data.targets[batch.positions])
        assert batch.goal is batch.targets


def test_each_image_has_the_target_of_its_teachers(
    teachers: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = SeenTargets()
    arguments = ["--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1", *MIRRORED]
    arguments += ["--trainer.default_root_dir", str(tmp_path), *taught_by(teachers, 0.75)]
    train(["fit", *arguments], [seen])
    views = (seen.data.images, seen.data.images.flip(3))
    of_teachers = [Predictor.from_checkpoint(path).probabilities(view) for path in teachers for view in views]
    expected = 0.25 * torch.eye(10)[seen.data.labels] + 0.75 * torch.stack(of_teachers).mean(0)
    torch.testing.assert_close(seen.data.targets, expected)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("teachers: ")]
    assert len(lines) == 1
    assert all(path in lines[0] for path in teachers)
    assert re.search(r"validation accuracy \d\.\d{4}, training accuracy \d\.\d{4}", lines[0])


def test_teachers_of_no_weight_change_nothing(teachers: list[str], fit: Fit, tmp_path: Path) -> None:
    ways = {"alone": [], "none": taught_by(teachers, 0.0), "some": taught_by(teachers, 0.5)}
    for name, arguments in ways.items():
        fit(*arguments, "--name", name)
    alone, none, some = (weights(run_folder(tmp_path, name) / "checkpoints/last.ckpt") for name in ways)
    assert all(torch.equal(alone[name], none[name]) for name in alone)
    assert not any(torch.equal(alone[name], some[name]) for name in alone)


@pytest.mark.parametrize("steps", [pytest.param("1", marks=pytest.mark.slow), "4"])
def test_a_student_resumes_bit_for_bit(
    teachers: list[str], fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    arguments = [*STATEFUL, *SCHEDULES["one_cycle"], *taught_by(teachers), "--data.distillation.temperature", "2"]
    fit(*arguments, "--name", "whole", "--steps_per_execution", "1", epochs=2)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        stop_after(patch, steps=9 + 4)  # in the second epoch of nine steps
        fit(*arguments, "--name", "stopped", "--steps_per_execution", steps, epochs=2)
    last = run_folder(tmp_path, "stopped") / "checkpoints/last.ckpt"
    with pytest.raises(UserError, match=rf"{last}.*--{KEY}"):
        train(["fit", "--ckpt_path", str(last)])
    train(["fit", "--ckpt_path", str(last), f"--{KEY}", json.dumps(teachers)])
    one = weights(run_folder(tmp_path, "whole") / "checkpoints/last.ckpt")
    two = weights(run_folder(tmp_path, "stopped", version=1) / "checkpoints/last.ckpt")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_student_is_used_without_its_teachers(teachers: list[str], fit: Fit, tmp_path: Path) -> None:
    metrics = fit(*taught_by(teachers))
    folder = run_folder(tmp_path)
    config = folder / "config.yaml"
    assert all(path in config.read_text() for path in teachers)
    last = folder / "checkpoints/last.ckpt"
    longer = train(["fit", "--config", str(config), "--ckpt_path", str(last), "--trainer.max_epochs", "2"])
    assert longer["epochs"] == 2, "a config that names the teachers is enough to go on"
    for path in last.parent.glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        content["config"]["data"]["distillation"]["teachers"] = ["gone.ckpt"]
        torch.save(content, path)
    again = ["--report", "false", "--trainer.default_root_dir", str(tmp_path)]
    assert train(["test", "--ckpt_path", str(folder / "checkpoints/best.ckpt"), *again])["test"] == metrics["test"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a training that is refused before its folder is made."""
    assert main(["fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, *arguments]) == 1
    errors = capsys.readouterr().err
    lines = errors.splitlines()
    assert len(lines) == 1, errors
    assert not Path("runs").exists()
    return lines[0]


OTHER_SPLITS = {"data.split_seed": "1", "data.num_folds": "5"}


@pytest.mark.parametrize("key", OTHER_SPLITS)
def test_a_teacher_of_another_split_is_refused(
    teachers: list[str], key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused([*taught_by(teachers[:1]), f"--{key}", OTHER_SPLITS[key]], capsys)
    assert all(part in line for part in (KEY, teachers[0], f"{key} is {OTHER_SPLITS[key]}", f"--{key}"))


def test_a_file_that_is_no_teacher_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, "foreign.ckpt")
    Path("damaged.ckpt").write_bytes(Path("foreign.ckpt").read_bytes()[:-50])
    for path in ("missing.ckpt", "foreign.ckpt", "damaged.ckpt", "n" * 300):
        line = refused(taught_by([path]), capsys)
        assert KEY in line
        assert path in line


def test_images_that_are_found_later_are_compared_too(
    teachers: list[str], tmp_path: Path, idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMNIST_DATA", str(idx_folder))
    found = ["--data.source", "auto", "--data.verify", "false"]
    with pytest.raises(UserError, match=f"{KEY}.*data.source"):
        train(["fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, *taught_by(teachers), *found])


@pytest.mark.slow
def test_two_processes_have_the_targets_of_one(
    teachers: list[str], program: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ["--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "2", *taught_by(teachers)]
    losses = []
    for name, devices in (("one", []), ("two", ["--trainer.devices", "2", "--trainer.strategy", "ddp"])):
        done = program("fit", *arguments, "--name", name, *devices, PYTHONPATH=str(ROOT))
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("teachers: ") == 1, "only one process speaks"
        losses.append(json.loads((tmp_path / f"runs/{name}/version_0/metrics.json").read_text())["val"]["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.03)
