"""Plan of a search: what follows from a search and its base config, computed once; and its check against train.py."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.atomic_files import replacing
from fmnist_pl.config import Config, recipe_of
from fmnist_pl.data.distillation import TEACHERS
from fmnist_pl.errors import UserError
from fmnist_pl.networks.teachers import read_teachers
from fmnist_pl.training.options import resolve_config
from fmnist_pl.tuning.dotted_keys import set_keys
from fmnist_pl.tuning.search import DEFAULT_TRIALS, Search
from fmnist_pl.tuning.space import LARGEST_GRID, Params, Space

MOST_CHECKS = 100
MOST_KEYS_TO_TRY = 30
"""Bounds on the time before the first trial: train.py reads a config in about a tenth of a second."""
EPOCHS = "trainer.max_epochs"
TRIAL_SETTINGS = {
    "trainer.devices": 1,
    "trainer.logger": False,  # the search writes one event file per trial
    "trainer.enable_progress_bar": False,
    "trainer.enable_model_summary": False,
    "test_after_fit": False,  # a search never sees the test images
    "report": False,
    "live_pictures": False,
}


@dataclass(frozen=True)
class Plan:
    """A search with its base config, and everything that follows from the two."""

    search: Search
    base: Config
    """Complete base config, without the overrides of the search."""

    @cached_property
    def space(self) -> Space:
        """The search space."""
        return Space(self.search.space)

    @cached_property
    def full_config(self) -> Config:
        """Base config with the overrides of the search, with the epochs of a full training."""
        return set_keys(self.base, self.search.overrides)

    @cached_property
    def trial_config(self) -> Config:
        """Config that the params of a trial are applied to."""
        epochs = self.search.epochs
        return self.full_config if epochs is None else set_keys(self.full_config, {EPOCHS: epochs})

    @cached_property
    def budget(self) -> int:
        """Total number of trials: those asked for, or the size of the space if the sampler never repeats itself."""
        asked, sampler = self.search.n_trials, self.search.sampler_name
        if sampler not in ("grid", "random"):
            return asked or DEFAULT_TRIALS
        size = self.space.size()
        if size is None:
            return asked or DEFAULT_TRIALS
        return min(asked or (size if sampler == "grid" else DEFAULT_TRIALS), size)

    @cached_property
    def definition(self) -> dict[str, Any]:
        """What two searches must share for their trials to be comparable, as JSON holds it."""
        search = {key: getattr(self.search, key) for key in ("space", "objectives", "folds", "repeats")}
        definition: dict[str, Any] = json.loads(
            json.dumps(search | {"config": recipe_of(self.trial_config)}, default=str)
        )
        return definition

    def training(self, config: Config, number: int) -> Config:
        """Config of one training of a trial: every fold, for every seed, numbered from 0."""
        repeat, fold = divmod(number, self.search.folds or 1)
        values: dict[str, Any] = {"seed_everything": config["seed_everything"] + repeat}
        if self.search.folds:
            values |= {"data.num_folds": self.search.folds, "data.fold": fold}
        return set_keys(config, values)

    def trial_trainings(self, params: Params) -> list[Config]:
        """Config of each training of the trial with these params."""
        config = self.space.apply(params, self.trial_config)
        return [self.training(config, number) for number in range(self.search.scores_per_trial)]

    def best_file_config(self, params: Params, threads: int | None) -> Config:
        """Config for best.yaml: the first training of a trial, which train.py repeats to the same score."""
        first = self.training(self.space.apply(params, self.trial_config), 0)
        return set_keys(first, {"name": self.search.name, "threads": threads})

    def refit_config(self, best: Config) -> Config:
        """Config of the refit, from the best config at full length."""
        config = best if self.search.refit_epochs is None else set_keys(best, {EPOCHS: self.search.refit_epochs})
        where = {"trainer.default_root_dir": str(self.search.home), "name": "refit"}
        return set_keys(config, {"trainer.devices": 1} | self.search.refit_overrides | where)

    def trial_folder(self, number: int) -> Path:
        """Folder for the configs, the log and the runs of a trial."""
        return self.search.home / "trials" / f"trial_{number:04}"


def base_config(search: Search) -> Config:
    """Complete base config of a search.

    Raises:
        UserError: There is no such config, or a key or value in it is not valid.
    """
    return resolve_config(["fit", "--config", search.base])


def quiet_training(config: Config, folder: Path, name: str, threads: int) -> Config:
    """A training as it runs within a search: in the trial's folder, without output, on no more than these threads."""
    asked = config["threads"]
    number = min(asked, threads) if isinstance(asked, int) else asked
    where = {"trainer.default_root_dir": str(folder), "name": name, "threads": number}
    return set_keys(config, TRIAL_SETTINGS | where)


def write_config(config: Config, path: Path, comment: str = "") -> Path:
    """Write a config for train.py, below a comment."""
    with replacing(path) as file:
        file.write(comment)
        yaml.safe_dump(config, file, sort_keys=False)
    return path


def check_plan(plan: Plan) -> None:
    """Check that train.py accepts the configs of a search: every choice, and both ends of every range.

    Raises:
        UserError: It rejects one; the message names the key.
    """
    search, space = plan.search, plan.space
    _check_kinds("overrides", plan.full_config)
    first = _check("overrides", plan.training(plan.trial_config, search.scores_per_trial - 1), search.folds)
    if first["data"]["num_folds"] is None and first["data"]["val_fraction"] == 0:
        raise UserError(
            "data.val_fraction is 0, so there are no validation images to score by: raise it, or give folds"
        )
    if search.sampler_name == "grid":
        next(space.configurations())  # raises if a parameter is continuous
        if search.n_trials is None and (space.size() or LARGEST_GRID + 1) > LARGEST_GRID:
            raise UserError(
                f"space: the grid has more than {LARGEST_GRID:,} configurations; give --n-trials, or larger steps"
            )
    for params in search.points:
        space.check_params(params)
    for merged in _merged(space.samples()):
        params = space.complete(merged)
        try:
            _check("space", space.apply(params, plan.trial_config), search.folds)
        except UserError as error:
            key = _rejected_key(plan, params)
            raise UserError(str(error).replace("space", f"space.{key}", 1) if key else str(error)) from error


def check_refit(plan: Plan) -> None:
    """Check that train.py accepts the config of the refit, before hours of searching.

    Raises:
        UserError: It does not.
    """
    _check("overrides", plan.full_config)
    _check("refit_overrides", plan.refit_config(plan.full_config))


def _rejected_key(plan: Plan, params: Params) -> str | None:
    """The key without which the config would be accepted, if it is a single one."""
    for key in list(params)[:MOST_KEYS_TO_TRY]:
        rest = {other: value for other, value in params.items() if other != key}
        try:
            _check("space", plan.space.apply(rest, plan.trial_config), plan.search.folds)
        except UserError:
            continue
        return key
    return None


def _merged(samples: Iterable[Params]) -> list[Params]:
    """The same values in fewer configurations, as far as they agree."""
    merged: list[Params] = []
    for sample in samples:
        for params in merged:
            if all(params.get(key, value) == value for key, value in sample.items()):
                params |= sample
                break
        else:
            merged.append(dict(sample))
            if len(merged) > MOST_CHECKS:
                raise UserError(
                    f"space: its choices and conditions need more than {MOST_CHECKS} configs to be checked; "
                    "give int or float ranges in place of long lists, or fewer conditions"
                )
    return merged


def _check(what: str, config: Config, folds: int | None = None) -> Config:
    """The complete config, as train.py reads it; ``folds`` are those of the search."""
    _check_kinds(what, config)
    with tempfile.TemporaryDirectory() as folder:
        path = write_config(config, Path(folder, "config.yaml"))
        try:
            complete = resolve_config(["fit", "--config", str(path)])
            _check_one_device(complete)
            _check_teachers(complete["data"], folds)
        except UserError as error:
            raise UserError(f"{what}: {error}") from error
    return complete


def _check_one_device(config: Config) -> None:
    """Refuse several processes in one training: Lightning would start the whole search in each of them."""
    for key in ("devices", "num_nodes"):
        count = config["trainer"][key]
        if str(count) not in ("1", "auto"):
            raise UserError(
                f"trainer.{key} is {count}, but each training of a search runs on one device: set it to 1, "
                "and give --workers to use several; train.py fit --config best.yaml trains on several devices"
            )


def _check_teachers(data: Config, folds: int | None) -> None:
    """Refuse teachers that may have trained on validation images of the search."""
    teachers = data["distillation"]["teachers"]
    if teachers and folds:
        raise UserError(
            f"{TEACHERS}: with folds, each image is a validation image of one training, and a teacher has trained on "
            "it; leave out folds, or the teachers"
        )
    read_teachers(teachers, data)


def _check_kinds(what: str, config: Config) -> None:
    """Check the keys that a search reads itself, before train.py reads the config."""
    for key, kind in (("data", dict), ("trainer", dict), ("seed_everything", int)):
        if not isinstance(config[key], kind):
            raise UserError(f"{what}: {key} is {config[key]!r}; give {'an int' if kind is int else 'its keys'}")
