"""``history.json``: the metrics of each epoch of a run."""

import json
from pathlib import Path

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.runs import HISTORY, json_file


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write the metrics of each epoch into the run's folder."""
    with replacing(folder / HISTORY) as file:
        json.dump(history, file, indent=1)
        file.write("\n")


def whole_history(checkpoint: str | None, history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return the whole history of a checkpoint's run, including later epochs.

    Args:
        checkpoint: Path of the checkpoint; ``None`` for no checkpoint.
        history: History in the checkpoint, which ends at its epoch.

    Returns:
        The run's history.json if it continues ``history``, else ``history``.
    """
    if checkpoint is None:
        return history
    path = Path(checkpoint).absolute().parents[1] / HISTORY
    whole = json_file(path) if path.is_file() else []
    return whole if whole[: len(history)] == history else history
