"""What is left to do when a run ends before its end."""

import signal
from pathlib import Path

from lightning import Trainer

from fmnist_pl.training.checkpoints import CHECKPOINT_FOLDER, LAST


def end_other_processes(trainer: Trainer) -> None:
    """End the processes that this one has started for the other devices."""
    launcher = trainer.strategy.launcher
    if hasattr(launcher, "kill"):
        launcher.kill(signal.SIGTERM)


def how_to_go_on(folder: Path) -> str:
    """What to type to go on with a training that was stopped.

    Args:
        folder: Of the run.
    """
    last = folder / CHECKPOINT_FOLDER / f"{LAST}.ckpt"
    if not last.exists():
        return "stopped: no epoch was finished, so there is nothing to go on from"
    return f"stopped: go on with  python train.py fit --ckpt_path {last}"
