"""Train the best config in full and test it once; not again if that was done, on if it was stopped."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.tuning.configs import Config, write_config
from fmnist_pl.tuning.objective import trial_folder
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.study import OpenStudy

FILE_NAME, CLAIM = "refit.yaml", "refit"


def refit(search: Search, opened: OpenStudy, config: Config, best_trial: int) -> dict[str, Any] | None:
    """Train a config as train.py does, in the study's folder.

    Args:
        search: Where, and whether to go on from the trial's weights.
        opened: The study that the trial is of.
        config: What.
        best_trial: Number of the trial that it is the config of.

    Returns:
        The content of metrics.json; ``None`` where another process or machine trains it.

    Raises:
        UserError: The training cannot be done, or was stopped.
    """
    versions = [folder for folder in _versions(search.home) if _is_of(folder, config)]
    done = next((folder for folder in versions if (folder / "metrics.json").exists()), None)
    if done is not None:
        print(f"\nthe refit was done before: {done}", flush=True)
        metrics: dict[str, Any] = json.loads((done / "metrics.json").read_text())
        return metrics
    start = _weights_to_go_on_from(search, opened.search, versions, best_trial)
    path = search.home / FILE_NAME
    write_config(config, path, f"# the best config of the search in full: python train.py fit --config {path}\n")
    with _claimed(search, opened, best_trial) as is_ours:
        if not is_ours:
            return None
        print(f"\nrefit: the best config in full, then tested once ({search.home}/refit)", flush=True)
        return train(["fit", "--config", str(path), *(["--ckpt_path", str(start)] if start else [])])


@contextmanager
def _claimed(search: Search, opened: OpenStudy, best_trial: int) -> Iterator[bool]:
    """Whether the refit is ours while the block runs; one process does it, on one machine."""
    lock = FileLock(search.home / ".refit.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("\nthe refit is being trained by another process on this machine", flush=True)
        yield False
        return
    try:
        if search.storage is None or _claim_among_machines(search, opened, best_trial):
            yield True
        else:
            yield False
    except BaseException:
        if search.storage is not None:
            opened.study.set_user_attr(CLAIM, None)
        raise
    finally:
        lock.release()


def _claim_among_machines(search: Search, opened: OpenStudy, best_trial: int) -> bool:
    mine = {"trial": best_trial, "by": socket.gethostname(), "in": str(search.home.absolute())}
    with opened.lock():
        claim = opened.study.user_attrs.get(CLAIM)
        if claim is None or claim["trial"] != best_trial:
            opened.study.set_user_attr(CLAIM, mine)
            return True
    if claim != mine:
        here = f"python train.py fit --config {search.home / FILE_NAME}"
        print(f"\nthe refit is with {claim['by']}, in {claim['in']}; should it be gone: {here}", flush=True)
    return bool(claim == mine)


def _weights_to_go_on_from(search: Search, searched: Search, versions: list[Path], best_trial: int) -> Path | None:
    stopped = [folder / "checkpoints/last.ckpt" for folder in versions]
    found = [path for path in stopped if path.exists()]
    if found:
        return found[0]
    if not search.refit_resume:
        return None
    of_trial = sorted(trial_folder(searched, best_trial).glob("score_1/version_*/checkpoints/last.ckpt"))
    if not of_trial:
        raise UserError(
            f"trial {best_trial} left no weights on this machine to go on from: give --refit_resume false, or run "
            "this command where it was trained"
        )
    return of_trial[-1]


def _versions(home: Path) -> list[Path]:
    """The folders of all refits, the newest first."""
    return sorted(home.glob("refit/version_*"), key=lambda path: -int(path.name.removeprefix("version_")))


def _is_of(folder: Path, config: Config) -> bool:
    """Whether a run had this config; where its images were found does not matter."""
    path = folder / "config.yaml"
    had = yaml.safe_load(path.read_text()) if path.exists() else None
    return had is not None and _without_source(had) == _without_source(config)


def _without_source(config: Config) -> Config:
    return config | {"data": {key: value for key, value in config["data"].items() if key != "source"}}
