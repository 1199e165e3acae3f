"""Write checkpoints that survive a crash: ``best.ckpt`` by validation accuracy, ``last.ckpt`` to continue from.

A checkpoint holds Lightning's own state (weights, optimizer, schedule, callbacks, loops) and `CheckpointContent`.
`networks.saved` reads it.
"""

import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, Checkpoint, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn

from fmnist_pl.atomic_files import copy_file, replacing
from fmnist_pl.config import Config
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.distillation import TEACHERS
from fmnist_pl.errors import UserError
from fmnist_pl.networks.checkpoint_file import load_checkpoint_file
from fmnist_pl.reporting.runs import METRICS, read_json
from fmnist_pl.training.signals import StopOnSignal, StoppedBySignal

CHECKPOINT_FOLDER = "checkpoints"
BEST = "best"
LAST = "last"


LIGHTNING_VERSION = re.compile(r"2(\.\d{1,4}){1,3}(\.?(post|dev|rc)\d{1,8})?(\+\w{1,20})?$")
RESUME_ENTRIES = {"loops": dict, "callbacks": dict, "optimizer_states": list, "lr_schedulers": list}
"""Entries of a checkpoint from which a training can continue, with their types."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its target, syncs it to disk, then renames it: a kill leaves the old or the new one.

    Lightning's own writes to the system's temporary folder and moves the file, which is a copy on another disk. A
    checkpoint is read with the checks of `networks.checkpoint_file`.
    """

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        content = load_checkpoint_file(Path(path))
        if not LIGHTNING_VERSION.match(content["pytorch-lightning_version"]):
            raise UserError(f"{path} cannot be resumed: it is not from Lightning 2; give a last.ckpt of a fit")
        for key, kind in RESUME_ENTRIES.items():
            if not isinstance(content.get(key), kind):
                raise UserError(
                    f"{path} cannot be resumed: {key} is missing or no {kind.__name__}; give a last.ckpt of a fit"
                )
        return content

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        # through memory, since torch hides a full disk behind an error of its own
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(Path(path), "wb") as file:
            file.write(content.getbuffer())


class CheckpointContent(Callback):
    """Adds to every checkpoint what Lightning does not save: ``config``, ``history``, ``train_sums``.

    They are the config of the run, the metrics of its epochs, and the sums of `EpochMetrics` in the current epoch.
    """

    def __init__(self, config: Callable[[Trainer], Config]) -> None:
        """Keep the source of the config.

        Args:
            config: Returns the resolved config of a trainer's run, as nested plain data.
        """
        self._config = config

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self._config(trainer)
        checkpoint["history"] = pl_module.history
        checkpoint["train_sums"] = pl_module.metrics["train"].sums()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.is_global_zero:  # the sums are over all processes
            pl_module.metrics["train"].add(checkpoint.get("train_sums", {}))


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` after every epoch, and in the middle of one that a signal stops.

    It holds everything that a stopped run needs to continue with the next step.
    """

    def __init__(self, stop: StopOnSignal) -> None:
        """Args:
        stop: Receives the signals.
        """
        self.path = ""
        self._stop = stop

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_if_requested(trainer)  # the last epoch is saved, and its metrics are logged by now

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if _can_continue_after(trainer, batch_idx) and self._stop.is_requested(trainer):
            self._save(trainer)
            raise StoppedBySignal

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_if_requested(trainer)

    def _stop_if_requested(self, trainer: Trainer) -> None:
        if self._stop.is_requested(trainer):
            raise StoppedBySignal

    def _save(self, trainer: Trainer) -> None:
        if trainer.fast_dev_run:
            return
        assert trainer.log_dir is not None, "the run logger has a folder"
        self.path = str(Path(trainer.log_dir, CHECKPOINT_FOLDER, f"{LAST}.ckpt"))
        trainer.save_checkpoint(self.path, weights_only=False)


def _can_continue_after(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a checkpoint after this batch holds all of the state: no summed gradients, no validation to come."""
    done = batch_idx + 1
    if trainer.is_last_batch or trainer.should_stop or done % trainer.accumulate_grad_batches:
        return False
    if trainer.val_check_batch is None:  # val_check_interval is a time
        return True
    if trainer.check_val_every_n_epoch is None:  # val_check_interval counts over epochs
        done += trainer.current_epoch * int(trainer.num_training_batches)
    return bool(done % trainer.val_check_batch)


class BestCheckpoint(ModelCheckpoint):
    """Saves ``best.ckpt``: the epoch of the highest validation accuracy, the first of equals."""

    def __init__(self) -> None:
        super().__init__(filename=BEST, monitor="val/acc", mode="max", enable_version_counter=False)
        self._best_of_resumed: Path | None = None

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._best_of_resumed = Path(str(trainer.ckpt_path)).with_name(f"{BEST}.ckpt")

    def state_dict(self) -> dict[str, Any]:
        """State with an absolute path, so that it holds in any working folder."""
        best = str(Path(self.best_model_path).absolute()) if self.best_model_path else ""
        return super().state_dict() | {"best_model_path": best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Copy the best epoch so far into the new run's folder, so that a resumed run can still select it.

        It is the one beside the checkpoint that is resumed, whichever path that checkpoint names.

        Raises:
            UserError: It is not a sound checkpoint, or its accuracy is not known.
        """
        if not state_dict["best_model_path"]:
            return
        assert self.dirpath is not None
        assert self._best_of_resumed is not None, "on_load_checkpoint comes first"
        old, new = self._best_of_resumed, Path(self.dirpath, f"{BEST}.ckpt")
        if not old.is_file():
            rank_zero_warn(f"{old}, the best epoch so far, is missing: the best of the remaining epochs is selected")
            return
        score = state_dict["best_model_score"]
        if not isinstance(score, torch.Tensor) or score.numel() != 1:
            raise UserError(f"{old}: its accuracy is not known; remove it to select the best of the remaining epochs")
        if rank_zero_only.rank == 0 and old.resolve() != new.resolve():
            load_checkpoint_file(old)
            copy_file(old, new)
        super().load_state_dict(
            {"dirpath": self.dirpath, "best_model_path": str(new), "kth_best_model_path": str(new)}
            | {"best_model_score": score, "best_k_models": {str(new): score}, "kth_value": score, "last_model_path": ""}
        )


def checkpoint_to_test(trainer: Trainer) -> Path | None:
    """The best checkpoint of a fit, else its last; ``None`` if it saved none."""
    best = [c.best_model_path for c in trainer.callbacks if isinstance(c, BestCheckpoint)]
    last = [c.path for c in trainer.callbacks if isinstance(c, LastCheckpoint)]
    return next((Path(path) for path in best + last if path), None)


def last_checkpoint(runs: Path) -> Path | None:
    """The ``last.ckpt`` of the newest training that was stopped.

    Args:
        runs: Folder of all runs of one name, ``runs/cnn``.

    Returns:
        ``None`` if there is none, or a later training is finished.
    """
    for folder in _newest_first(runs):
        if _is_finished_fit(folder):
            return None
        checkpoint = folder / CHECKPOINT_FOLDER / f"{LAST}.ckpt"
        if checkpoint.is_file():
            return checkpoint
    return None


def _newest_first(runs: Path) -> list[Path]:
    numbers = (folder.name.removeprefix("version_") for folder in runs.glob("version_*"))
    return [runs / f"version_{number}" for number in sorted(map(int, filter(str.isdecimal, numbers)), reverse=True)]


def _is_finished_fit(folder: Path) -> bool:
    """Whether a run is a training that wrote its results, not a test or a validation."""
    try:
        metrics = read_json(folder / METRICS)
    except UserError:
        return False
    return isinstance(metrics, dict) and metrics.get("command") == "fit"


def how_to_resume(folder: Path, data: FashionMNISTDataModule) -> str:
    """The command that continues a stopped training, with the places that a checkpoint does not bring.

    Args:
        folder: Of the run.
        data: Of the training.
    """
    last = folder / CHECKPOINT_FOLDER / f"{LAST}.ckpt"
    if not last.exists():
        return "stopped before there was a checkpoint: run the same command again"
    places = "" if data.root is None else f" --data.root {data.root}"
    if data.distillation.teachers:
        places += f" --{TEACHERS} {shlex.quote(json.dumps(data.distillation.teachers))}"
    return f"stopped: go on with  python train.py fit --ckpt_path {last}{places}"
