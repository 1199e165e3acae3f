"""Read back what runs left in their folders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.errors import UserError

History = Sequence[Mapping[str, float]]
"""For each epoch its number (``epoch``, from 0) and its figures (``train/loss`` and the like)."""

METRICS, CONFIG, HISTORY = "metrics.json", "config.yaml", "history.json"


@dataclass(frozen=True)
class Run:
    """What a run's folder holds."""

    folder: Path
    metrics: dict[str, Any]
    config: dict[str, Any]
    history: History
    """Empty where it is not known."""


def read_run(path: Path) -> Run:
    """Read a run.

    Args:
        path: Its folder; or that of all runs of a config, or of a study with its refit: then the newest of them.

    Raises:
        UserError: It is no such folder, or what is in it cannot be read.
    """
    folder = _newest(path)
    if folder is None:
        raise UserError(f"{path} is no run's folder ({METRICS} is not there): name one, as runs/cnn/version_0")
    history = folder / HISTORY
    return Run(
        folder,
        json_file(folder / METRICS),
        _config_file(folder / CONFIG),
        json_file(history) if history.exists() else [],
    )


def json_file(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: It cannot be read, or is none.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _config_file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no config of a run: it holds no keys")
    return content


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot read {path} ({' '.join(str(error).split())}): is the run complete?")


def _newest(path: Path) -> Path | None:
    """The folder of a run: the given one, or the last version in it or in its ``refit``."""
    if (path / METRICS).is_file():
        return path
    versions = [file.parent for file in (*path.glob(f"version_*/{METRICS}"), *path.glob(f"refit/version_*/{METRICS}"))]
    numbered = [folder for folder in versions if folder.name.removeprefix("version_").isdigit()]
    return max(numbered, key=lambda folder: int(folder.name.removeprefix("version_")), default=None)
