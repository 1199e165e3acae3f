"""Search space: its parameters with their conditions, its configurations, and the configs that these make."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import optuna

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.tuning.dotted_keys import set_keys
from fmnist_pl.tuning.parameters import Parameter, read_parameter

Params = dict[str, Any]
"""A configuration of the space: the number, or the label of the choice, of each active parameter."""

SEARCH_ONLY = "$"
"""First character of keys that are not config keys: a depth, say, which conditions of other keys name."""

LARGEST_COUNT = 100_000


class Space:
    """All parameters of a search, each after those that its conditions name."""

    def __init__(self, written: dict[str, Any]) -> None:
        """Read a space as written in a search's file.

        Raises:
            UserError: A parameter has an unknown form or an empty range, or its condition never holds.
        """
        self.parameters = _in_order({key: read_parameter(key, value) for key, value in written.items()})

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
        yield from self._extend({}, self.parameters)

    def size(self) -> int | None:
        """Number of configurations, by multiplication; ``None`` if it is infinite or above `LARGEST_COUNT`."""
        if any(parameter.size() is None for parameter in self.parameters):
            return None
        counts = Counter({frozenset[str](): 1})  # partial configurations, by the later parameters inactive in them
        for parameter in self.parameters:
            following: Counter[frozenset[str]] = Counter()
            for inactive, count in counts.items():
                excluded = self._excluded(parameter, parameter.key not in inactive)
                if excluded is None:
                    return None
                for keys, values in excluded.items():
                    following[inactive - {parameter.key} | keys] += count * values
            if following.total() > LARGEST_COUNT:
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
                params: Params = {}
                self._activate(parameter, params)
                params[parameter.key] = value
                yield params

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

    def _extend(self, params: Params, rest: tuple[Parameter, ...]) -> Iterator[Params]:
        if not rest:
            yield dict(params)
            return
        parameter, *others = rest
        if not all(condition.holds(params) for condition in parameter.conditions):
            yield from self._extend(params, tuple(others))
            return
        for value in parameter.values():
            yield from self._extend({**params, parameter.key: value}, tuple(others))

    def _excluded(self, owner: Parameter, active: bool) -> Counter[frozenset[str]] | None:
        """How many values of a parameter make which others inactive; ``None`` above `LARGEST_COUNT` values."""
        size = (owner.size() or 0) if active else 1
        if size > LARGEST_COUNT:
            return None
        named = [(p.key, c) for p in self.parameters for c in p.conditions if c.key == owner.key]
        if not named or not active:
            return Counter({frozenset(key for key, _ in named): size})
        values = ({owner.key: value} for value in owner.values())
        return Counter(frozenset(key for key, condition in named if not condition.holds(value)) for value in values)

    def _activate(self, parameter: Parameter, params: Params) -> None:
        """Give the parameters that the conditions name values for which they hold."""
        by_key = {other.key: other for other in self.parameters}
        for condition in parameter.conditions:
            owner = by_key[condition.key]
            self._activate(owner, params)
            params[owner.key] = owner.examples(condition)[0]


def _in_order(parameters: dict[str, Parameter]) -> tuple[Parameter, ...]:
    """Each parameter after those that its conditions name."""
    ordered: dict[str, Parameter] = {}
    waiting = dict(parameters)
    while waiting:
        ready = [p for p in waiting.values() if all(condition.key in ordered for condition in p.conditions)]
        if not ready:
            raise _no_order(next(iter(waiting.values())), parameters)
        for parameter in ready:
            for condition in parameter.conditions:
                if not ordered[condition.key].examples(condition):
                    raise UserError(f"space.{parameter.key} is never active: no value fulfils when {condition}")
            ordered[parameter.key] = waiting.pop(parameter.key)
    return tuple(ordered.values())


def _no_order(parameter: Parameter, parameters: dict[str, Parameter]) -> UserError:
    for condition in parameter.conditions:
        if condition.key not in parameters:
            known = ", ".join(key for key in parameters if key != parameter.key)
            return UserError(f"space.{parameter.key}.when names {condition.key}, which is not in the space ({known})")
    return UserError(f"space.{parameter.key}.when is circular: its conditions depend on {parameter.key}")
