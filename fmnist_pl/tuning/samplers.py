"""Optuna's samplers and pruners by name; grid and random search without repetition."""

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna import pruners, samplers
from optuna.exceptions import ExperimentalWarning

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.plan import Plan
from fmnist_pl.tuning.space import Params


class QuietCmaEsSampler(samplers.CmaEsSampler):
    """CMA-ES without its warning at each trial that it does not learn from constraints."""

    def after_trial(self, *arguments: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Constraints have been set", UserWarning)
            super().after_trial(*arguments)


SAMPLERS: dict[str, Callable[..., samplers.BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "qmc": samplers.QMCSampler,
    "gp": samplers.GPSampler,
    "cmaes": QuietCmaEsSampler,
    "nsgaii": samplers.NSGAIISampler,
    "random": samplers.RandomSampler,
    "grid": samplers.RandomSampler,  # never asked: `next_params` gives every parameter a value
}
QUIET = {name: {"warn_independent_sampling": False} for name in ("qmc", "gp", "cmaes")}
NEEDED_PACKAGES = {"gp": "scipy", "qmc": "scipy", "cmaes": "cmaes"}
DRAWS = 1000
"""Draws of the random search for params that are new, before it takes the first of the space that are."""


def make_sampler(plan: Plan, number: int) -> samplers.BaseSampler:
    """Make the sampler for trial `number`.

    Each trial has its own sampler, seeded by the trial's number: no two workers draw the same params, and a search that
    was stopped continues as one that was not.

    Raises:
        UserError: An argument is not valid, or the sampler needs a package that is not installed.
    """
    search, name = plan.search, plan.search.sampler_name
    package = NEEDED_PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(f"the sampler {name} needs {package}: pip install -e '.[samplers]' in the checkout")
    # the storage numbers the elements of a quasi-random sequence, and the same seed makes them one sequence
    seed = search.seed if name == "qmc" else search.seed * 1_000_003 + number
    options = QUIET.get(name, {}) | search.sampler_args
    if name == "qmc":  # the sequence holds the parameters of the first trial; others are drawn independently
        options = {"independent_sampler": samplers.RandomSampler(seed=search.seed + number)} | options
    return _make("sampler", name, SAMPLERS[name], {"seed": seed % 2**32} | options)


def make_pruner(plan: Plan) -> pruners.BasePruner:
    """Make the pruner of the study.

    Raises:
        UserError: An argument is not valid.
    """
    search = plan.search
    reports = search.scores_per_trial if search.scores_per_trial > 1 else plan.trial_config["trainer"]["max_epochs"]
    makers: dict[str, tuple[Callable[..., pruners.BasePruner], dict[str, Any]]] = {
        "none": (pruners.NopPruner, {}),
        "median": (pruners.MedianPruner, {}),
        "hyperband": (pruners.HyperbandPruner, {"max_resource": reports}),
        "halving": (pruners.SuccessiveHalvingPruner, {"min_resource": 1}),
    }
    maker, defaults = makers[search.pruner_name]
    return _make("pruner", search.pruner_name, maker, defaults | search.pruner_args)


def next_params(plan: Plan, tried: list[Params]) -> Params | None:
    """The next params of the grid or random search within the limits, never the same twice; ``None`` if there are none.

    Optuna's BruteForceSampler does not fit: it shuffles the grid, samples again instead of ending, and calls
    `Study.stop`, which raises outside of `Study.optimize`.

    Raises:
        UserError: No new draw of the random search is within the limits, and the space is too large to measure it all.
    """
    search = plan.search
    known = {frozenset(params.items()) for params in tried}

    def is_next(params: Params) -> bool:
        return frozenset(params.items()) not in known and plan.sizes.fit(params)

    for draw in range(DRAWS if search.sampler_name == "random" else 0):
        seed = search.seed * 1_000_003 + len(tried) * DRAWS + draw
        study = optuna.create_study(sampler=samplers.RandomSampler(seed=seed % 2**32))
        params = plan.space.suggest(study.ask())
        if is_next(params):
            return params
    if plan.sizes.are_limited and search.sampler_name == "random" and not plan.is_countable:
        raise plan.sizes.nothing_fits(f"all new ones of {DRAWS:,} points")
    return next(filter(is_next, plan.space.configurations()), None)


def _make(key: str, name: str, maker: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return maker(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}_args are not valid for {name}: {' '.join(str(error).split())}") from error
