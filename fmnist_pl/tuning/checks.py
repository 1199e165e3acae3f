"""Look at a search before any training: whether the config takes its keys and values."""

import tempfile
from pathlib import Path
from typing import Any

from fmnist_pl.errors import UserError
from fmnist_pl.training.options import resolve_config
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
        point = space.complete(together)
        try:
            _check("space", space.apply(point, with_overrides(search, base)))
        except UserError as error:
            culprit = _culprit(search, base, space, point)
            raise UserError(str(error).replace("space", f"space.{culprit}", 1) if culprit else str(error)) from error


def check_refit(search: Search, base: Config) -> None:
    """See whether train.py would take the config of the refit, before hours of searching.

    Raises:
        UserError: It would not.
    """
    full = set_keys(base, search.overrides)
    _check("overrides", full)
    _check("refit_overrides", refit_config(search, full))


def _culprit(search: Search, base: Config, space: Space, point: dict[str, Any]) -> str | None:
    """The key without which the config would be taken, if it is one alone."""
    for left_out in point:
        try:
            rest = {key: value for key, value in point.items() if key != left_out}
            _check("space", space.apply(rest, with_overrides(search, base)))
        except UserError:
            continue
        return left_out
    return None


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
