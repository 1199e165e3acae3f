"""Checkpoints that survive a crash: ``best.ckpt`` by validation accuracy, ``last.ckpt`` of every epoch."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn
from torch import nn

from fmnist_pl.atomic_files import copy_file, replacing
from fmnist_pl.errors import UserError

CHECKPOINT_FOLDER = "checkpoints"
BEST = "best"
LAST = "last"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its target, syncs it to disk, then renames it: a kill leaves the old or the new one.

    Lightning's own writes to the system's temporary folder and moves it, which is a copy where that is another disk.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        # through memory, since torch hides a full disk behind an error of its own
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(Path(path), "wb") as file:
            file.write(content.getbuffer())


class LastCheckpoint(Checkpoint):
    """Keeps ``last.ckpt``: everything that a stopped run needs to go on, after every epoch."""

    def __init__(self) -> None:
        self.path = ""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.fast_dev_run:
            return
        assert trainer.log_dir is not None, "the run logger has a folder"
        self.path = str(Path(trainer.log_dir, CHECKPOINT_FOLDER, f"{LAST}.ckpt"))
        trainer.save_checkpoint(self.path, weights_only=False)


class BestCheckpoint(ModelCheckpoint):
    """Keeps ``best.ckpt``: the epoch of the highest validation accuracy, the first of equals."""

    def __init__(self) -> None:
        super().__init__(filename=BEST, monitor="val/acc", mode="max", enable_version_counter=False)

    def state_dict(self) -> dict[str, Any]:
        """With a path that holds in any working folder."""
        best = str(Path(self.best_model_path).absolute()) if self.best_model_path else ""
        return super().state_dict() | {"best_model_path": best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best epoch so far along into the new run's folder, so that a resumed run can still choose it."""
        if not state_dict["best_model_path"]:
            return
        assert self.dirpath is not None
        old, new = Path(state_dict["best_model_path"]), Path(self.dirpath, f"{BEST}.ckpt")
        if not old.is_file():
            rank_zero_warn(f"the best epoch so far, {old}, is gone: the best is chosen among the epochs to come")
            return
        if rank_zero_only.rank == 0 and old.resolve() != new.resolve():
            copy_file(old, new)
        score = state_dict["best_model_score"]
        super().load_state_dict(
            state_dict
            | {"dirpath": self.dirpath, "best_model_path": str(new), "kth_best_model_path": str(new)}
            | {"best_k_models": {str(new): score}, "kth_value": score, "last_model_path": ""}
        )


def load_config(path: Path) -> dict[str, Any]:
    """The config that a checkpoint's run had, as nested plain data.

    Raises:
        UserError: There is no such file, it is no checkpoint, or not one of this project.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint {path}: give the path of a .ckpt file (runs/<name>/version_N/checkpoints/...)")
    try:
        checkpoint = _load(path)
    except Exception as error:  # torch raises many kinds for a file that is none of its own
        raise UserError(f"{path} cannot be read as a checkpoint ({type(error).__name__}): is it complete?") from error
    if not isinstance(checkpoint, dict) or "config" not in checkpoint:
        raise UserError(f"{path} holds no config: it was not written by this project's train.py fit")
    return checkpoint["config"]


def figures_of(path: str | None) -> dict[str, float] | None:
    """The figures (``val/acc`` and the like) of the epoch that a checkpoint was written after."""
    return _load(Path(path))["metrics"] if path else None


def load_weights(model: nn.Module, path: str | None) -> None:
    """Set a model to the weights of a checkpoint (those averaged, where an average was kept), and nothing else.

    A trainer that loads it would put weights under the average in their place (Lightning 2.6).
    """
    if path:
        model.load_state_dict(_load(Path(path))["state_dict"])


def _load(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
