"""Read the files of finished runs, which may be from anyone: what is not as a run writes it is an error of one line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_pl.config import read_yaml
from fmnist_pl.errors import UserError

History = Sequence[Mapping[str, float]]
"""One mapping per epoch: its number (``epoch``, from 0) and its metrics (``train/loss`` etc.)."""

METRICS, CONFIG, HISTORY = "metrics.json", "config.yaml", "history.json"
MAX_BYTES = 4 * 2**20  # of a JSON file: the history of 10,000 epochs
LARGEST = 2**53  # integer in a history; larger ones are no floats


@dataclass(frozen=True)
class Run:
    """Metrics and config of a run."""

    folder: Path
    metrics: dict[str, Any]
    config: dict[str, Any]


def read_run(path: Path) -> Run:
    """Read a run.

    Args:
        path: Folder of a run, of all runs of a config, or of a study with its refit; the newest run is read.

    Raises:
        UserError: The folder holds no run, or a file of the run cannot be read or is not a run's.
    """
    folder = _newest_run(path)
    if folder is None:
        raise UserError(f"{path} is not the folder of a run ({METRICS} is missing): give one like runs/cnn/version_0")
    metrics = read_json(folder / METRICS)
    config = read_yaml(_existing(folder / CONFIG), "config of a run")
    for name, content in ((METRICS, metrics), (CONFIG, config)):
        if not isinstance(content, dict) or not content:
            raise _not_of_a_run(folder / name, "it has no keys")
    return Run(folder, metrics, config)


def read_history(path: Path) -> list[dict[str, float]]:
    """Read history.json.

    Raises:
        UserError: The file cannot be read, or is not a list of epochs with their metrics.
    """
    history = read_json(path)
    if not isinstance(history, list):
        raise _not_of_a_run(path, "it is not a list of epochs")
    for place, epoch in enumerate(history):
        if not (isinstance(epoch, dict) and "epoch" in epoch and all(map(_is_number, epoch.values()))):
            raise _not_of_a_run(path, f"its entry {place} is not an epoch with numbers")
    return history


def read_json(path: Path) -> Any:
    """Read a JSON file of a run.

    Raises:
        UserError: It cannot be read, is too large, or is not JSON.
    """
    try:
        with _existing(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _not_of_a_run(path, f"it is larger than {MAX_BYTES // 2**20} MB")
        return json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path} ({error}): is the run complete?") from error


def _existing(path: Path) -> Path:
    """The path of a file, which is not a pipe or a device: those could be read forever."""
    if not path.is_file():
        raise UserError(f"cannot read {path} (it is not a file): is the run complete?")
    return path


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= LARGEST)


def _not_of_a_run(path: Path, reason: str) -> UserError:
    return UserError(f"{path} was not written by a run: {reason}; give the folder of another run")


def _newest_run(path: Path) -> Path | None:
    """The folder itself if it holds a run, else the highest version in it or in its ``refit``."""
    if (path / METRICS).is_file():
        return path
    versions = [file.parent for file in (*path.glob(f"version_*/{METRICS}"), *path.glob(f"refit/version_*/{METRICS}"))]
    numbered = [folder for folder in versions if folder.name.removeprefix("version_").isdecimal()]
    return max(numbered, key=lambda folder: int(folder.name.removeprefix("version_")), default=None)
