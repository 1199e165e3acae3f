"""Train the best config in full and test it once; not again if that was done, on if it was stopped."""

import json
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.tuning.configs import Config, write_config
from fmnist_pl.tuning.objective import trial_folder
from fmnist_pl.tuning.search import Search

FILE_NAME = "refit.yaml"


def refit(search: Search, config: Config, best_trial: int) -> dict[str, Any]:
    """Train a config as train.py does, in the study's folder.

    Args:
        search: Where, and whether to go on from the trial's weights.
        config: What.
        best_trial: Number of the trial that it is the config of.

    Returns:
        The content of metrics.json.

    Raises:
        UserError: The training cannot be done, or was stopped.
    """
    path = search.home / FILE_NAME
    latest = _latest_version(search.home) if path.exists() and yaml.safe_load(path.read_text()) == config else None
    if latest is not None and (latest / "metrics.json").exists():
        print(f"the refit was done before: {latest}", flush=True)
        metrics: dict[str, Any] = json.loads((latest / "metrics.json").read_text())
        return metrics
    write_config(config, path, f"# the best config of the search in full: python train.py fit --config {path}\n")
    start = _weights_to_go_on_from(search, latest, best_trial)
    return train(["fit", "--config", str(path), *(["--ckpt_path", str(start)] if start else [])])


def _weights_to_go_on_from(search: Search, stopped: Path | None, best_trial: int) -> Path | None:
    if stopped is not None and (stopped / "checkpoints/last.ckpt").exists():
        return stopped / "checkpoints/last.ckpt"
    if not search.refit_resume:
        return None
    found = sorted(trial_folder(search, best_trial).glob("score_1/version_*/checkpoints/last.ckpt"))
    if not found:
        raise UserError(
            f"trial {best_trial} left no weights on this machine to go on from: give --refit_resume false, or run "
            "this command where it was trained"
        )
    return found[-1]


def _latest_version(home: Path) -> Path | None:
    versions = sorted(home.glob("refit/version_*"), key=lambda path: int(path.name.removeprefix("version_")))
    return versions[-1] if versions else None
