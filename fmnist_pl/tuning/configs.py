"""Configs of a search: of a point, of each training of a trial, of the best, of the refit. All plain nested data."""

from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.atomic_files import replacing
from fmnist_pl.tuning.keys import set_keys
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.space import Space

Config = dict[str, Any]
EPOCHS = "trainer.max_epochs"
OF_A_TRIAL = {
    "trainer.devices": 1,
    "trainer.logger": False,  # the search writes one events file a trial of its own
    "trainer.enable_progress_bar": False,
    "trainer.enable_model_summary": False,
    "test_after_fit": False,  # the test images are no part of a search
    "report": False,
    "live_pictures": False,
}


def with_overrides(search: Search, base: Config) -> Config:
    """The base config with the search's overrides: what the points are applied to."""
    config = set_keys(base, search.overrides)
    return config if search.epochs is None else set_keys(config, {EPOCHS: search.epochs})


def trainings(search: Search, config: Config) -> list[Config]:
    """The config of each training of a trial: over the folds, for each seed."""
    seed = config["seed_everything"]
    configs = []
    for repeat in range(search.repeats):
        for fold in range(search.folds or 1):
            values: dict[str, Any] = {"seed_everything": seed + repeat}
            if search.folds:
                values |= {"data.num_folds": search.folds, "data.fold": fold}
            configs.append(set_keys(config, values))
    return configs


def in_trial(config: Config, folder: Path, name: str, threads: int) -> Config:
    """A training as it runs in a search: in the trial's folder, silent, on its share of the cores."""
    where = {"trainer.default_root_dir": str(folder), "name": name, "threads": threads}
    return set_keys(config, OF_A_TRIAL | where)


def handed_over(search: Search, config: Config, threads: int) -> Config:
    """``best.yaml``: the first training of a trial, for train.py; it gives the same score on the same machine."""
    return set_keys(trainings(search, config)[0], {"name": search.name, "threads": threads})


def at_full_length(search: Search, space: Space, base: Config, point: dict[str, Any]) -> Config:
    """The config of a point with as many epochs as the point or the config has: not those that trials were cut to."""
    return space.apply(point, set_keys(base, search.overrides))


def refit_config(search: Search, full: Config) -> Config:
    """The config of the refit, from the best one at full length."""
    config = full if search.refit_epochs is None else set_keys(full, {EPOCHS: search.refit_epochs})
    return set_keys(config, search.refit_overrides | {"trainer.default_root_dir": str(search.home), "name": "refit"})


def write_config(config: Config, path: Path, comment: str = "") -> Path:
    """Write a config for train.py."""
    with replacing(path) as file:
        file.write(comment)
        yaml.safe_dump(config, file, sort_keys=False)
    return path
