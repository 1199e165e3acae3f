"""Optuna's samplers and pruners by name; grid and random, which must not repeat themselves, by points."""

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna import pruners, samplers
from optuna.exceptions import ExperimentalWarning

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.space import Space

SAMPLERS: dict[str, Callable[..., samplers.BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "qmc": samplers.QMCSampler,
    "gp": samplers.GPSampler,
    "cmaes": samplers.CmaEsSampler,
    "nsgaii": samplers.NSGAIISampler,
    "random": samplers.RandomSampler,
    "grid": samplers.RandomSampler,  # asked for nothing: its points are fixed
}
QUIET = {"qmc": {"warn_independent_sampling": False}, "cmaes": {"warn_independent_sampling": False}}
NEEDED_PACKAGES = {"gp": "scipy", "qmc": "scipy", "cmaes": "cmaes"}  # of the extra `samplers`
DRAWS = 1000
"""How often random draws before it takes a small space for used up."""


def make_sampler(search: Search, number: int) -> samplers.BaseSampler:
    """The sampler that chooses trial ``number``.

    Each trial has a sampler of its own, seeded by its number: so no two workers draw the same, and a search that was
    stopped goes on as one that was not.

    Raises:
        UserError: It does not take the arguments, or needs a package that is not installed.
    """
    name = search.sampler_name
    package = NEEDED_PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(f"the sampler {name} needs the package {package}: pip install 'fmnist_pl[samplers]'")
    # the points of a quasi-random sequence are numbered in the storage, and one seed makes them one sequence
    seed = search.seed if name == "qmc" else search.seed * 1_000_003 + number
    options = QUIET.get(name, {}) | search.sampler_args
    if name == "qmc":  # what is not there in the first trial is no part of the sequence
        options = {"independent_sampler": samplers.RandomSampler(seed=search.seed + number)} | options
    return _make("sampler", name, SAMPLERS[name], {"seed": seed % 2**32} | options)


def make_pruner(search: Search, epochs: int) -> pruners.BasePruner:
    """The pruner of a study whose trials report so many times.

    Raises:
        UserError: It does not take the arguments.
    """
    steps = search.scores_per_trial if search.scores_per_trial > 1 else epochs
    makers: dict[str, tuple[Callable[..., pruners.BasePruner], dict[str, Any]]] = {
        "none": (pruners.NopPruner, {}),
        "median": (pruners.MedianPruner, {}),
        "hyperband": (pruners.HyperbandPruner, {"max_resource": steps}),
        "halving": (pruners.SuccessiveHalvingPruner, {"min_resource": 1}),
    }
    maker, defaults = makers[search.pruner_name]
    return _make("pruner", search.pruner_name, maker, defaults | search.pruner_args)


def next_point(search: Search, space: Space, tried: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The next point of a sampler that never repeats itself; ``None`` where all have been tried.

    Args:
        search: Its sampler is ``grid`` or ``random``.
        space: Where from.
        tried: The points that were.
    """
    for draw in range(DRAWS if search.sampler_name == "random" else 0):
        seed = search.seed * 1_000_003 + len(tried) * DRAWS + draw
        study = optuna.create_study(sampler=samplers.RandomSampler(seed=seed % 2**32))
        point = space.suggest(study.ask())
        if point not in tried:
            return point
    return next((point for point in space.points() if point not in tried), None)


def _make(key: str, name: str, maker: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return maker(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}_args do not suit {name}: {' '.join(str(error).split())}") from error
