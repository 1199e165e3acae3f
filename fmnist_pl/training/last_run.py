"""Find the run that ``--ckpt_path last`` continues: the same command then starts a training and continues it."""

from pathlib import Path

from fmnist_pl.errors import UserError
from fmnist_pl.reporting.runs import METRICS, read_json
from fmnist_pl.training.checkpoints import CHECKPOINT_FOLDER, LAST


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
