"""Searches of seconds: a few synthetic images, a tiny dense network, in the test's own folder."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.config import Config, find_config
from fmnist_pl.training.options import resolve_config
from fmnist_pl.tuning import Search
from fmnist_pl.tuning.plan import Plan, base_config
from fmnist_pl.tuning.study import TrialQueue, open_study
from tests.conftest import ROOT

QUICK = {
    "data.source": "synthetic",
    "data.synthetic_size": 300,
    "model.init_args.hidden_sizes": [8],
    "trainer.accelerator": "cpu",
    "report": False,
    "live_pictures": False,
}
RATE = {"optimizer.init_args.lr": {"float": {"low": 1e-4, "high": 1e-2, "log": True}}}


@pytest.fixture(scope="session")
def resolved() -> dict[tuple[str, str], Config]:
    """What `resolve_config` made of each config so far, by the name and the content of its file."""
    return {}


@pytest.fixture(autouse=True)
def _resolve_each_config_once(resolved: dict[tuple[str, str], Config], monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of a search takes more than a second, and most tests check the same configs."""

    def remember(arguments: Sequence[str]) -> Config:
        path = find_config(arguments[-1])
        key = path.stem, path.read_text()
        if key not in resolved:
            resolved[key] = resolve_config(arguments)
        return copy.deepcopy(resolved[key])

    monkeypatch.setattr("fmnist_pl.tuning.plan.resolve_config", remember)


@pytest.fixture
def quick(tmp_path: Path) -> Callable[..., Search]:
    """A search of the learning rate of a tiny network, one epoch a trial; keys as named."""

    def make(**keys: Any) -> Search:
        overrides = QUICK | keys.pop("overrides", {})
        defaults: dict[str, Any] = {"base": "dense.yaml", "space": RATE, "n_trials": 3, "epochs": 1, "refit": False}
        defaults |= {"folder": tmp_path / "tune", "study_name": "quick"}
        return Search(overrides=overrides, **defaults | keys)

    return make


@pytest.fixture(scope="session")
def dense() -> Config:
    """The complete config of dense.yaml."""
    return base_config(Search(base="dense.yaml", space=RATE))


@pytest.fixture
def queue(quick: Callable[..., Search], dense: Config) -> Callable[..., TrialQueue]:
    """The trials of such a search; nothing is trained."""

    def make(**keys: Any) -> TrialQueue:
        return open_study(Plan(quick(**keys), dense))

    return make


@pytest.fixture
def quick_file(tmp_path: Path) -> Path:
    """The same search as a file."""
    import yaml

    path = tmp_path / "quick.yaml"
    keys = {"base": "dense.yaml", "space": RATE, "epochs": 1, "overrides": QUICK, "refit": False}
    path.write_text(yaml.safe_dump(keys))
    return path


@pytest.fixture
def tune_program(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``tune.py`` as a user does, in the test's folder."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if key != "FMNIST_DATA"}
        return subprocess.Popen(
            [sys.executable, str(ROOT / "tune.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )

    return start
