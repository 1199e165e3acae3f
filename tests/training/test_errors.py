"""A user's mistake is one clear line and an exit code, and costs nothing that was there before."""

import gzip
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.errors import UserError
from fmnist_pl.training import main, train
from fmnist_pl.training.checkpoints import LastCheckpoint
from tests.conftest import NO_PICTURES, SMALL, run_folder

FIT = ["fit", "--config", "dense.yaml", *SMALL, "--trainer.max_epochs", "1", *NO_PICTURES]

MISTAKES = {
    "no config of that name": (["fit", "--config", "nope.yaml"], r"no config nope.yaml: .*cnn.yaml"),
    "no model": (["fit"], r"model.*--config"),
    "an unknown option": ([*FIT, "--data.btch_size", "3"], r"data.btch_size"),
    "a word for a number": ([*FIT, "--data.batch_size", "many"], r"data.batch_size.*many"),
    "an unknown command": (["train", "--config", "cnn.yaml"], r"train"),
    "an unknown model": ([*FIT, "--model", "Transformer"], r"Transformer"),
    "an unknown optimizer": ([*FIT, "--optimizer", "Adamm"], r"Adamm"),
    "an unknown activation": ([*FIT, "--model.activation", "rellu"], r"rellu"),
    "no such checkpoint": (["test", "--ckpt_path", "nope.ckpt"], r"no checkpoint nope.ckpt"),
    "a batch size of nothing": ([*FIT, "--data.batch_size", "0"], r"data.batch_size is 0"),
    "validation of nothing": (
        ["validate", "--config", "dense.yaml", *SMALL, "--data.val_fraction", "0"],
        r"no validation",
    ),
    "too small a part": ([*FIT, "--data.val_fraction", "0.0001"], r"of 600 images is none"),
    "too many folds": ([*FIT, "--data.num_folds", "5", "--data.fold", "5"], r"data.fold is 5"),
    "a flip beyond certainty": ([*FIT, "--data.augment.horizontal_flip", "2"], r"horizontal_flip is 2"),
    "a device that is none": ([*FIT, "--trainer.accelerator", "hpu"], r"hpu"),
    "weights for too few classes": ([*FIT, "--model.class_weights", "[1, 2]"], r"class_weights"),
    "a real set that is not there": (
        ["fit", "--config", "dense.yaml", "--data.root", "nowhere"],
        r"given by --data.root",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_line_and_a_code(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    assert main(arguments) != 0
    errors = capsys.readouterr().err
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "Traceback" not in errors
    assert re.search(message, lines[0]), lines[0]
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.slow
def test_a_mistake_in_the_real_program(program: Callable[..., Any], tmp_path: Path) -> None:
    done = program("fit", "--config", "cnn.yaml", "--data.root", "nowhere")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: no Fashion-MNIST in nowhere")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_stops_the_program_before_it_makes_a_run(
    idx_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = idx_folder / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-20])
    monkeypatch.chdir(idx_folder.parent)
    monkeypatch.setenv("FMNIST_DATA", str(idx_folder))
    assert main(["fit", "--config", "dense.yaml", "--data.verify", "false"]) == 1
    assert "truncated or corrupt" in capsys.readouterr().err
    assert not (idx_folder.parent / "runs").exists()


@pytest.mark.parametrize("command", ["fit", "test"])
def test_a_checkpoint_that_is_none(tmp_path: Path, command: str) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        train([command, "--ckpt_path", str(path)])
    torch.save({"state_dict": {}}, path)
    with pytest.raises(UserError, match="holds no config"):
        train([command, "--ckpt_path", str(path)])


def test_a_checkpoint_of_another_architecture(fit: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    fit()
    best = str(run_folder(tmp_path) / "checkpoints/best.ckpt")
    with pytest.raises(UserError, match=r"checkpoint does not fit"):
        train(["test", "--ckpt_path", best, "--model.hidden_sizes", "[7]", "--trainer.default_root_dir", str(tmp_path)])


@pytest.mark.parametrize("steps", ["1", "25"])
def test_a_nan_names_its_step_and_leaves_the_last_good_checkpoint(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    from fmnist_pl.models import Classifier

    original = Classifier.shared_step

    def step(self: Classifier, batch: Any, stage: str) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = original(self, batch, stage)
        return (loss * float("nan") if stage == "train" and self.global_step == 6 else loss), logits

    monkeypatch.setattr(Classifier, "shared_step", step)
    with pytest.raises(UserError, match=r"training loss at step 7 is not finite.*optimizer.lr.*checkpoints"):
        fit("--data.batch_size", "135", "--steps_per_execution", steps, epochs=3)
    last = torch.load(run_folder(tmp_path) / "checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 4
    assert all(tensor.isfinite().all() for tensor in last["state_dict"].values())


def test_a_nan_at_the_end_of_a_shortened_epoch_names_its_step(
    fit: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fmnist_pl.models import Classifier

    original = Classifier.shared_step

    def step(self: Classifier, batch: Any, stage: str) -> tuple[torch.Tensor, torch.Tensor]:
        loss, logits = original(self, batch, stage)
        return (loss * float("nan") if stage == "train" else loss), logits

    monkeypatch.setattr(Classifier, "shared_step", step)
    with pytest.raises(UserError, match=r"training loss at step 1 is not finite"):
        fit("--trainer.limit_train_batches", "0.25")


def test_a_cycle_without_an_end(fit: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(UserError, match="set --trainer.max_epochs"):
        fit("--lr_scheduler", "OneCycle", epochs=-1)


LATE_MISTAKES = {
    "early stopping on nothing": (
        ["--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor", "val/f1"], "EarlyStopping.*val/f1"
    ),
    "a plateau of nothing": (
        ["--lr_scheduler", "Plateau", "--lr_scheduler.monitor", "val/f1"], "lr_scheduler.monitor.*val/loss"
    ),
    "validation beyond the epoch": (["--trainer.val_check_interval", "1000"], "val_check_interval"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", LATE_MISTAKES)
def test_mistakes_that_show_only_in_training(fit: Callable[..., dict[str, Any]], mistake: str) -> None:
    arguments, message = LATE_MISTAKES[mistake]
    with pytest.raises(UserError, match=message):
        fit(*arguments)


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")  # rightly said without validation
@pytest.mark.parametrize(
    "arguments",
    [
        ["--trainer.gradient_clip_val", "1.0", "--trainer.precision", "bf16-mixed"],
        ["--trainer.limit_val_batches", "0"],
        ["--trainer.max_steps", "3"],
        ["--trainer.check_val_every_n_epoch", "2"],
        ["--trainer.log_every_n_steps", "0"],
        ["--trainer.enable_checkpointing", "false"],
        ["--trainer.enable_progress_bar", "false"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_mistake_works(fit: Callable[..., dict[str, Any]], arguments: list[str]) -> None:
    assert "test" in fit(*arguments, "--optimizer.fused", "true")


def test_a_rate_that_diverges(fit: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(UserError, match="not finite|loss after step"):
        fit("--optimizer", "SGD", "--optimizer.lr", "1e30", epochs=3)


def test_a_runs_folder_that_cannot_be_made(fit: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder is to be")
    with pytest.raises(UserError, match=r"cannot make a run's folder in .*--trainer.default_root_dir"):
        fit("--trainer.default_root_dir", str(tmp_path / "blocked"))


def test_a_full_disk_while_saving_leaves_the_old_checkpoint(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    original = LastCheckpoint.on_train_epoch_end

    def fill_the_disk(*arguments: Any) -> None:
        original(*arguments)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # a checkpoint takes over a megabyte

    monkeypatch.setattr(LastCheckpoint, "on_train_epoch_end", fill_the_disk)
    try:
        with pytest.raises(UserError, match=r"cannot write .*File too large"):
            fit("--trainer.log_every_n_steps", "1", epochs=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    folder = run_folder(tmp_path) / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == 0


@pytest.mark.parametrize("content", ["model: [", "- a\n- b\n", "optimizer: {class_path: Nope}\n"])
def test_a_config_that_is_no_config(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content)
    assert main(["fit", "--config", str(path)]) == 1
    assert len([line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]) == 1


def test_gzip_is_not_needed_to_be_official(idx_folder: Path, fit: Callable[..., dict[str, Any]]) -> None:
    for path in list(idx_folder.iterdir()):
        if path.suffix != ".gz":
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    nested = idx_folder.parent / "torchvision/FashionMNIST"
    nested.mkdir(parents=True)
    shutil.move(idx_folder, nested / "raw")
    root = str(idx_folder.parent / "torchvision")
    assert fit("--data.source", "real", "--data.root", root, "--data.verify", "false")["data_source"] == "real"
