"""Look at a search before any training: whether the config takes its keys and values."""

import tempfile
from pathlib import Path
from typing import Any

from fmnist_pl.errors import UserError
from fmnist_pl.training.resolve_config import resolve_config
from fmnist_pl.tuning.configs import Config, refit_config, trainings, with_overrides, write_config
from fmnist_pl.tuning.keys import set_keys
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.space import Space


def check_against_config(search: Search, base: Config, space: Space) -> None:
    """See whether train.py would take the configs of this search: every choice, and both ends of every range.

    Raises:
        UserError: It would not; the message names the key.
    """
    first = trainings(search, with_overrides(search, base))[-1]
    _check("overrides", first)
    if str(first["trainer"]["devices"]) not in ("1", "auto"):
        raise UserError("a trial runs on one device: set overrides.trainer.devices to 1, and --workers to several")
    if first["data"]["num_folds"] is None and first["data"]["val_fraction"] == 0:
        raise UserError(
            "there are no validation images to score by (data.val_fraction is 0): leave some, or give folds"
        )
    if search.sampler_name == "grid":
        next(space.points())  # raises where there is no grid
    for point in search.points:
        space.check_point(point)
    for together in _merged(list(space.samples())):
        config = space.apply(space.complete(together), with_overrides(search, base))
        try:
            _check("space", config)
        except UserError:
            _name_the_culprit(search, base, space, together)
            raise


def check_refit(search: Search, base: Config) -> None:
    """See whether train.py would take the config of the refit, before hours of searching.

    Raises:
        UserError: It would not.
    """
    full = set_keys(base, search.overrides)
    _check("overrides", full)
    _check("refit_overrides", refit_config(search, full))


def _name_the_culprit(search: Search, base: Config, space: Space, point: dict[str, Any]) -> None:
    for sample in space.samples():
        *_, key = sample
        if sample.items() <= point.items():
            _check(f"space.{key}", space.apply(space.complete(sample), with_overrides(search, base)))


def _merged(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same values in as few points as they fit into."""
    points: list[dict[str, Any]] = []
    for sample in samples:
        for point in points:
            if all(point.get(key, value) == value for key, value in sample.items()):
                point |= sample
                break
        else:
            points.append(dict(sample))
    return points


def _check(what: str, config: Config) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_config(config, Path(folder, "config.yaml"))
        try:
            resolve_config(["fit", "--config", str(path)])
        except UserError as error:
            raise UserError(f"{what}: {error}") from error
