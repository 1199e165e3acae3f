"""The refit: the best config, trained at full length and tested once; skipped if done, resumed if stopped."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from fmnist_pl.config import Config, recipe_of
from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.tuning.plan import Plan, write_config
from fmnist_pl.tuning.study import TrialQueue

FILE_NAME, CLAIM = "refit.yaml", "refit"


def refit(plan: Plan, queue: TrialQueue, config: Config, best_trial: int) -> dict[str, Any] | None:
    """Train a config as train.py does, in the study's folder.

    Args:
        plan: Of the whole search.
        queue: Of the study of the best trial: that of the last stage, if there are stages.
        config: Config of the refit.
        best_trial: Number of the trial that it is from.

    Returns:
        Content of metrics.json; ``None`` if another process or machine trains the refit.

    Raises:
        UserError: The training is not possible, or was stopped.
    """
    home = plan.search.home
    versions = [folder for folder in _versions(home) if has_recipe(folder, config)]
    done = next((folder for folder in versions if (folder / "metrics.json").exists()), None)
    if done is not None:
        print(f"\nthe refit was done before: {done}", flush=True)
        metrics: dict[str, Any] = json.loads((done / "metrics.json").read_text())
        return metrics
    checkpoint = _checkpoint_to_resume(plan, queue.plan, versions, best_trial)
    path = home / FILE_NAME
    write_config(config, path, f"# best config of the search at full length: python train.py fit --config {path}\n")
    with _claimed(plan, queue, best_trial) as claimed:
        if not claimed:
            return None
        print(f"\nrefit: the best config at full length, then tested once ({home}/refit)", flush=True)
        return train(["fit", "--config", str(path), *(["--ckpt_path", str(checkpoint)] if checkpoint else [])])


@contextmanager
def _claimed(plan: Plan, queue: TrialQueue, best_trial: int) -> Iterator[bool]:
    """Claim the refit while the block runs; one process on one machine holds the claim."""
    lock = FileLock(plan.search.home / ".refit.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("\nanother process on this machine trains the refit", flush=True)
        yield False
        return
    try:
        yield plan.search.storage is None or _claim_among_machines(plan, queue, best_trial)
    except BaseException:
        if plan.search.storage is not None:
            queue.study.set_user_attr(CLAIM, None)
        raise
    finally:
        lock.release()


def _claim_among_machines(plan: Plan, queue: TrialQueue, best_trial: int) -> bool:
    home = plan.search.home
    mine = {"trial": best_trial, "by": socket.gethostname(), "in": str(home.absolute())}
    with queue.lock():
        claim = queue.study.user_attrs.get(CLAIM)
        if claim is None or claim["trial"] != best_trial:
            queue.study.set_user_attr(CLAIM, mine)
            return True
    if claim != mine:
        here = f"python train.py fit --config {home / FILE_NAME}"
        print(f"\n{claim['by']} trains the refit, in {claim['in']}; if it is gone: {here}", flush=True)
    return bool(claim == mine)


def _checkpoint_to_resume(plan: Plan, searched: Plan, versions: list[Path], best_trial: int) -> Path | None:
    stopped = [folder / "checkpoints/last.ckpt" for folder in versions]
    found = [path for path in stopped if path.exists()]
    if found:
        return found[0]
    if not plan.search.refit_resume:
        return None
    of_trial = sorted(searched.trial_folder(best_trial).glob("score_1/version_*/checkpoints/last.ckpt"))
    if not of_trial:
        raise UserError(
            f"refit_resume: this machine has no weights of trial {best_trial}; give --refit_resume false, or run "
            "this command on the machine that trained it"
        )
    return of_trial[-1]


def _versions(home: Path) -> list[Path]:
    """Folders of all refits, newest first."""
    return sorted(home.glob("refit/version_*"), key=lambda path: -int(path.name.removeprefix("version_")))


def has_recipe(folder: Path, config: Config) -> bool:
    """Whether a run was trained with the recipe of this config."""
    path = folder / "config.yaml"
    had = yaml.safe_load(path.read_text()) if path.exists() else None
    if had is None:
        return False
    before, now = recipe_of(had), recipe_of(config)
    if now["data"]["source"] == "auto":  # the run's config has the source that it found
        now["data"]["source"] = before["data"]["source"]
    return before == now
