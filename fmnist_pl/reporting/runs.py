"""Read the files of finished runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.errors import UserError

History = Sequence[Mapping[str, float]]
"""One mapping per epoch: its number (``epoch``, from 0) and its metrics (``train/loss`` etc.)."""

METRICS, CONFIG, HISTORY = "metrics.json", "config.yaml", "history.json"


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
        UserError: The folder holds no run, or a file of the run cannot be read.
    """
    folder = _newest_run(path)
    if folder is None:
        raise UserError(f"{path} is not the folder of a run ({METRICS} is missing): give one like runs/cnn/version_0")
    return Run(folder, json_file(folder / METRICS), _config_file(folder / CONFIG))


def json_file(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: The file cannot be read or is not JSON.
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
        raise UserError(f"{path} is not the config of a run: it has no keys")
    return content


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot read {path} ({' '.join(str(error).split())}): is the run complete?")


def _newest_run(path: Path) -> Path | None:
    """The folder itself if it holds a run, else the highest version in it or in its ``refit``."""
    if (path / METRICS).is_file():
        return path
    versions = [file.parent for file in (*path.glob(f"version_*/{METRICS}"), *path.glob(f"refit/version_*/{METRICS}"))]
    numbered = [folder for folder in versions if folder.name.removeprefix("version_").isdigit()]
    return max(numbered, key=lambda folder: int(folder.name.removeprefix("version_")), default=None)
