"""Sizes of the networks of a space, measured without memory before a trial trains, against the limits of a search."""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import takewhile
from typing import Any

import torch
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.config import Config
from fmnist_pl.console import OneLineErrorParser
from fmnist_pl.errors import UserError
from fmnist_pl.models import Classifier
from fmnist_pl.training.steps_per_execution import forward_flops
from fmnist_pl.tuning.search import Limits
from fmnist_pl.tuning.space import LARGEST_GRID, Params, Space

SIZE = "size"
"""Attribute of a trial: sizes of its network, by the limits of the search."""
MOST_REJECTED = 1000
"""Number of points over the limits, one after another, that end a search."""

Excess = dict[str, float]
"""By which fraction of each limit a size is above it: 0.25 for 125 of 100; negative below it."""

MEASURES: dict[str, Callable[[Classifier], int]] = {
    "parameters": lambda model: sum(parameter.numel() for parameter in model.parameters()),
    "flops": lambda model: forward_flops(model.network, model.example_input_array),
}


class Sizes:
    """Sizes of the networks of a search, against its limits."""

    def __init__(self, limits: Limits, space: Space, model: Config) -> None:
        """Args:
        limits: Of the search.
        space: Of the search.
        model: ``model`` block of the config that the params are applied to.
        """
        self._limits, self._space, self._model = limits, space, model
        self._nearest: Excess | None = None

    @property
    def are_limited(self) -> bool:
        """Whether the search has limits."""
        return bool(self._limits.given)

    def of(self, params: Params) -> dict[str, int]:
        """Sizes of the network of a configuration, by limit; empty if there are none.

        A network that cannot be built has none: its training fails, and says why.
        """
        if not self.are_limited:
            return {}
        try:
            model = self._space.apply(params, {"model": self._model})["model"]
        except UserError:
            return {}
        return dict(_measured(json.dumps(model, sort_keys=True), tuple(self._limits.given)))

    def excess(self, params: Params) -> Excess:
        """Excess of a configuration over each limit; empty if there are none, or its network cannot be built."""
        excess = {name: size / self._limits.given[name] - 1 for name, size in self.of(params).items()}
        if is_over(excess) and (self._nearest is None or _total(excess) < _total(self._nearest)):
            self._nearest = excess
        return excess

    def fit(self, params: Params) -> bool:
        """Whether a configuration is within the limits."""
        return not is_over(self.excess(params))

    def count(self, most: int) -> int:
        """Number of configurations of the grid that are within the limits, counted up to ``most``.

        Raises:
            UserError: There are none, or too few in the first `LARGEST_GRID`.
        """
        fitting = 0
        for place, params in enumerate(self._space.configurations(), 1):
            fitting += self.fit(params)
            if fitting == most:
                break
            if place == LARGEST_GRID:
                raise UserError(
                    f"space: of the first {place:,} configurations of the grid, {fitting:,} are within the limits "
                    f"({self._limits}); give larger steps, or larger limits"
                )
        if not fitting:
            raise self.nothing_fits("all configurations of the space")
        return fitting

    def check_points(self, points: Iterable[Params]) -> None:
        """Check the points that the user gives, if they name all keys of the network.

        Raises:
            UserError: One is over the limits.
        """
        deciding = {condition.key for parameter in self._space.parameters for condition in parameter.conditions}
        for number, point in enumerate(points):
            full = self._space.complete(point)
            is_open = any(key not in point and (key.partition(".")[0] == "model" or key in deciding) for key in full)
            excess = {} if is_open else self.excess(full)
            if is_over(excess):
                raise UserError(
                    f"points.{number} has {self._sizes_text(excess)}, and the search has {self._keys_text(excess)}: "
                    "remove the point, or raise the limit"
                )

    def check_rejections(self, trials: Iterable[FrozenTrial]) -> None:
        """Check that the last trials of a study were not all rejected.

        Raises:
            UserError: The last `MOST_REJECTED` trials, or more, were over the limits.
        """
        rejected = list(takewhile(is_rejected, trials))
        if len(rejected) >= MOST_REJECTED:
            raise self.nothing_fits(
                f"the last {len(rejected):,} points", min((trial.constraints for trial in rejected), key=_total)
            )

    def nothing_fits(self, what: str, nearest: Excess | None = None) -> UserError:
        """The error of a search that finds no configuration within its limits.

        Args:
            what: What was measured: "the last 1,000 points".
            nearest: Smallest excess among them; ``None`` for the smallest that was measured here.
        """
        nearest = nearest or self._nearest or {}
        return UserError(
            f"{what} are over the limits: the nearest network has {self._sizes_text(nearest)}, and the search has "
            f"{self._keys_text(nearest)}; raise the limit or add smaller networks to the space, with a new --study-name"
        )

    def _sizes_text(self, excess: Excess) -> str:
        """The sizes that are over their limits."""
        limits = self._limits.given
        return " and ".join(f"{round((1 + over) * limits[name]):,} {name}" for name, over in excess.items() if over > 0)

    def _keys_text(self, excess: Excess) -> str:
        """The limits that these sizes exceed."""
        limits = self._limits.given
        return " and ".join(f"limits.{name} {limits[name]:,.12g}" for name, over in excess.items() if over > 0)


def is_over(excess: Excess) -> bool:
    """Whether a network is over at least one limit."""
    return _total(excess) > 0


def is_rejected(trial: FrozenTrial) -> bool:
    """Whether a trial is a point over the limits, which was sampled, measured and not trained."""
    return trial.state == TrialState.PRUNED and is_over(trial.constraints)


@lru_cache(maxsize=LARGEST_GRID)
def _measured(model: str, names: tuple[str, ...]) -> dict[str, int]:
    """Sizes of the network of a ``model`` block, as JSON; empty if it cannot be built."""
    for device in ("meta", "cpu"):  # a network of your own may need real memory
        try:
            with torch.device(device):
                classifier = _build(json.loads(model))
                return {name: MEASURES[name](classifier) for name in names}
        except Exception:  # whatever a class raises; its training says it
            continue
    return {}


def _build(model: Config) -> Classifier:
    """The classifier of a ``model`` block, with the optimizer's default."""
    parser = OneLineErrorParser(exit_on_error=False)
    parser.add_subclass_arguments(Classifier, "model", required=True)
    made: Any = parser.instantiate(parser.parse_object({"model": model}))
    return made.model


def _total(excess: Excess) -> float:
    return sum(over for over in excess.values() if over > 0)
