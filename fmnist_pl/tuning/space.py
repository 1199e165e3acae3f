"""Search space: its parameters with their conditions, its configurations, and the configs that these make."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import optuna

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.tuning.dotted_keys import check_key, set_keys
from fmnist_pl.tuning.parameters import Condition, Parameter, read_parameter

Params = dict[str, Any]
"""A configuration of the space: the number, or the label of the choice, of each active parameter."""

SEARCH_ONLY = "$"
"""First character of keys that are not config keys: a depth, say, which conditions of other keys name."""

LARGEST_GRID = 100_000
MOST_VALUES = 1000
"""Choices, ends of ranges and values in conditions of a space: the time to check it grows with their number."""
MOST_CASES = 4096
"""Sets of inactive parameters that `Space.size` distinguishes at a time."""


class Space:
    """All parameters of a search, each after those that its conditions name."""

    def __init__(self, written: dict[str, Any]) -> None:
        """Read a space as written in a search's file.

        Raises:
            UserError: A parameter has an unknown form or an empty range, or its condition never holds.
        """
        parameters = {check_key(key): read_parameter(key, value) for key, value in written.items()}
        conditions = [condition for parameter in parameters.values() for condition in parameter.conditions]
        count = sum(len(p.ends()) for p in parameters.values()) + sum(
            len(c.values or (c.low, c.high)) for c in conditions
        )
        if count > MOST_VALUES:
            raise UserError(
                f"space names {count:,} choices, ends of ranges and values of conditions; give at most "
                f"{MOST_VALUES:,}, int or float ranges in place of long lists"
            )
        self.parameters = _in_order(parameters)
        self._activating = _activating(self.parameters)

    def suggest(self, trial: optuna.Trial) -> Params:
        """Sample a configuration with a trial."""
        params: Params = {}
        for parameter in self._active(params):
            params[parameter.key] = parameter.suggest(trial)
        return params

    def configurations(self) -> Iterator[Params]:
        """All configurations in order, generated one by one.

        Raises:
            UserError: A parameter is continuous.
        """
        endless = [parameter.key for parameter in self.parameters if parameter.size() is None]
        if endless:
            raise UserError(f"space.{endless[0]} is continuous, so there is no grid: give it a step, or choices")
        levels: list[Iterator[Params]] = [iter([{}])]  # level n: params of the first n parameters
        while levels:
            params = next(levels[-1], None)
            if params is None:
                levels.pop()
            elif len(levels) > len(self.parameters):
                yield params
            else:
                levels.append(_extended(params, self.parameters[len(levels) - 1]))

    def size(self) -> int | None:
        """Number of configurations; ``None`` if it is infinite, or the conditions have too many cases to count it."""
        if any(parameter.size() is None for parameter in self.parameters):
            return None
        places = {parameter.key: place for place, parameter in enumerate(self.parameters)}
        counts = Counter({0: 1})  # partial configurations, by the later parameters inactive in them, as bits
        for place, parameter in enumerate(self.parameters):
            following: Counter[int] = Counter()
            when_active, when_inactive = self._later_inactive(parameter, places)
            for inactive, count in counts.items():
                cases = when_inactive if inactive >> place & 1 else when_active
                for bits, values in cases.items():
                    following[(inactive | bits) & ~(1 << place)] += count * values
                if len(following) > MOST_CASES:
                    return None
            counts = following
        return counts.total()

    def apply(self, params: Params, config: Config) -> Config:
        """Copy of a config with the values of a configuration.

        A list with single elements searched loses those that are inactive in this configuration.
        """
        searched = [parameter for parameter in self.parameters if not parameter.key.startswith(SEARCH_ONLY)]
        values = {p.key: p.config_value(params[p.key]) for p in searched if p.key in params}
        return set_keys(config, values, absent=[p.key for p in searched if p.key not in params])

    def samples(self) -> Iterator[Params]:
        """Partial configurations in which every parameter takes its ends, or each of its choices, at least once."""
        for parameter in self.parameters:
            for value in parameter.ends():
                yield self._activating[parameter.key] | {parameter.key: value}

    def complete(self, params: Params) -> Params:
        """Fill in every active parameter that `params` omits with its first value."""
        full: Params = {}
        for parameter in self._active(full):
            full[parameter.key] = params.get(parameter.key, parameter.ends()[0])
        return full

    def check_params(self, params: Params) -> None:
        """Check params that the user gives.

        Raises:
            UserError: A key is not in the space, or a value not among its values.
        """
        by_key = {parameter.key: parameter for parameter in self.parameters}
        for key, value in params.items():
            if key not in by_key:
                raise UserError(f"points names {key}, which is not in the space ({', '.join(by_key)})")
            if not by_key[key].contains(value):
                raise UserError(f"points: {key} is {value}, which is not among {by_key[key]}")

    def __str__(self) -> str:
        width = max(len(parameter.key) for parameter in self.parameters)
        return "\n".join(f"  {parameter.key:<{width}}  {parameter}" for parameter in self.parameters)

    def _active(self, params: Params) -> Iterator[Parameter]:
        """The parameters whose conditions hold, while the caller fills in `params`."""
        for parameter in self.parameters:
            if all(condition.holds(params) for condition in parameter.conditions):
                yield parameter

    def _later_inactive(self, owner: Parameter, places: dict[str, int]) -> tuple[Counter[int], Counter[int]]:
        """How many values of a parameter make which others inactive, as bits: if it is active, and if it is not."""
        named = [(1 << places[p.key], c) for p in self.parameters for c in p.conditions if c.key == owner.key]
        when_active: Counter[int] = Counter()
        for value, count in owner.groups([condition for _, condition in named]):
            when_active[sum({bit for bit, condition in named if not condition.holds({owner.key: value})})] += count
        return when_active, Counter({sum({bit for bit, _ in named}): 1})


def _extended(params: Params, parameter: Parameter) -> Iterator[Params]:
    """Params with each value of one more parameter, or as they are where it is inactive."""
    if not all(condition.holds(params) for condition in parameter.conditions):
        yield params
        return
    for value in parameter.values():
        yield {**params, parameter.key: value}


def _in_order(parameters: dict[str, Parameter]) -> tuple[Parameter, ...]:
    """Each parameter after those that its conditions name."""
    ordered: dict[str, Parameter] = {}
    waiting = dict(parameters)
    while waiting:
        ready = [p for p in waiting.values() if all(condition.key in ordered for condition in p.conditions)]
        if not ready:
            raise _no_order(next(iter(waiting.values())), parameters)
        for parameter in ready:
            ordered[parameter.key] = waiting.pop(parameter.key)
    return tuple(ordered.values())


def _no_order(parameter: Parameter, parameters: dict[str, Parameter]) -> UserError:
    for condition in parameter.conditions:
        if condition.key not in parameters:
            known = ", ".join(key for key in parameters if key != parameter.key)[:200]
            return UserError(f"space.{parameter.key}.when names {condition.key}, which is not in the space ({known})")
    return UserError(f"space.{parameter.key}.when is circular: its conditions depend on {parameter.key}")


def _activating(parameters: tuple[Parameter, ...]) -> dict[str, Params]:
    """For each parameter, values of others under which it is active.

    Raises:
        UserError: There are none, or a condition names a value that the other parameter does not have.
    """
    by_key = {parameter.key: parameter for parameter in parameters}
    needed: dict[str, dict[str, Condition]] = {}  # also what the parameters named by the conditions need
    activating: dict[str, Params] = {}
    for parameter in parameters:
        needs = needed[parameter.key] = {}
        for condition in parameter.conditions:
            for value in condition.values or ():
                if not by_key[condition.key].contains(value):
                    raise UserError(
                        f"space.{parameter.key}.when names {condition.key} {str(value)[:80]}, which is not among "
                        f"{str(by_key[condition.key])[:200]}"
                    )
            for each in (condition, *needed[condition.key].values()):
                needs[each.key] = needs[each.key].also(each) if each.key in needs else each
        activating[parameter.key] = {}
        for key, condition in needs.items():
            examples = by_key[key].examples(condition)
            if not examples:
                raise UserError(f"space.{parameter.key} is never active: no value fulfils when {condition}")
            activating[parameter.key][key] = examples[0]
    return activating
