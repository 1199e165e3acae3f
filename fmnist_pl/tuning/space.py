"""The space of a search: parameters with their conditions; points of it, and the configs that they make."""

from collections.abc import Iterator
from typing import Any

import optuna

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.keys import set_keys
from fmnist_pl.tuning.parameters import Parameter, read_parameter

FREE = "$"
"""A key that begins so is of the search alone (a depth, say, on which others depend)."""


class Space:
    """All parameters of a search, each after those that it depends on."""

    def __init__(self, written: dict[str, Any]) -> None:
        """Read a space as it is written in a search's file.

        Raises:
            UserError: A parameter is not written as one, its range is empty, or its condition never holds.
        """
        parameters = {key: read_parameter(key, value) for key, value in written.items()}
        self.parameters = _in_order(parameters)

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Let a trial choose a point: the value, or the label, of every parameter that is there."""
        point: dict[str, Any] = {}
        for parameter in self._present(point):
            point[parameter.key] = parameter.suggest(trial)
        return point

    def points(self) -> Iterator[dict[str, Any]]:
        """Every point, in order.

        Raises:
            UserError: A parameter has no end of values.
        """
        endless = [parameter.key for parameter in self.parameters if parameter.all_values() is None]
        if endless:
            raise UserError(f"space.{endless[0]} has no end of values, so there is no grid: give it a step, or choices")
        yield from self._extend({}, list(self.parameters))

    def size(self, limit: int = 100_000) -> int | None:
        """How many points there are; ``None`` where they are more than ``limit``, or endless."""
        if any(parameter.all_values() is None for parameter in self.parameters):
            return None
        count = 0
        for _ in self.points():
            count += 1
            if count > limit:
                return None
        return count

    def apply(self, point: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
        """A config with the values of a point, the given one left as it is.

        A list of which single places are searched keeps those that are there in this point.
        """
        searched = [parameter for parameter in self.parameters if not parameter.key.startswith(FREE)]
        values = {p.key: p.value(point[p.key]) for p in searched if p.key in point}
        return set_keys(config, values, absent=[p.key for p in searched if p.key not in point])

    def samples(self) -> Iterator[dict[str, Any]]:
        """A few points in which every parameter takes its ends, or each of its choices, at least once."""
        for parameter in self.parameters:
            for value in parameter.ends():
                point: dict[str, Any] = {}
                self._make_present(parameter, point)
                point[parameter.key] = value
                yield point

    def complete(self, point: dict[str, Any]) -> dict[str, Any]:
        """A point with every parameter that is there in it, those that it leaves out at their first value."""
        full: dict[str, Any] = {}
        for parameter in self._present(full):
            full[parameter.key] = point.get(parameter.key, parameter.ends()[0])
        return full

    def check_point(self, point: dict[str, Any]) -> None:
        """See whether a point that the user named lies in the space.

        Raises:
            UserError: It does not.
        """
        by_key = {parameter.key: parameter for parameter in self.parameters}
        for key, value in point.items():
            if key not in by_key:
                raise UserError(f"points names {key}, which is not in the space ({', '.join(by_key)})")
            try:
                inside = by_key[key].distribution._contains(by_key[key].distribution.to_internal_repr(value))
            except ValueError:
                inside = False
            if not inside:
                raise UserError(f"points: {key} is {value}, which is not among {by_key[key]}")

    def __str__(self) -> str:
        width = max(len(parameter.key) for parameter in self.parameters)
        return "\n".join(f"  {parameter.key:<{width}}  {parameter}" for parameter in self.parameters)

    def _present(self, point: dict[str, Any]) -> Iterator[Parameter]:
        """The parameters whose conditions hold, while ``point`` is filled."""
        for parameter in self.parameters:
            if all(condition.holds(point) for condition in parameter.conditions):
                yield parameter

    def _extend(self, point: dict[str, Any], rest: list[Parameter]) -> Iterator[dict[str, Any]]:
        if not rest:
            yield dict(point)
            return
        parameter, *others = rest
        if not all(condition.holds(point) for condition in parameter.conditions):
            yield from self._extend(point, others)
            return
        for value in parameter.all_values() or []:
            yield from self._extend({**point, parameter.key: value}, others)

    def _make_present(self, parameter: Parameter, point: dict[str, Any]) -> None:
        by_key = {other.key: other for other in self.parameters}
        for condition in parameter.conditions:
            owner = by_key[condition.key]
            self._make_present(owner, point)
            values = [v for v in owner.all_values() or owner.ends() if condition.holds({owner.key: v})]
            point[owner.key] = values[0] if values else max(condition.low, owner.ends()[0])


def _in_order(parameters: dict[str, Parameter]) -> tuple[Parameter, ...]:
    """Each parameter after those that its conditions name."""
    ordered: dict[str, Parameter] = {}
    waiting = dict(parameters)
    while waiting:
        ready = [p for p in waiting.values() if all(condition.key in ordered for condition in p.conditions)]
        if not ready:
            _refuse(next(iter(waiting.values())), parameters)
        for parameter in ready:
            for condition in parameter.conditions:
                if not ordered[condition.key].may_be(condition):
                    raise UserError(f"space.{parameter.key} is never there: {condition} does not happen")
            ordered[parameter.key] = waiting.pop(parameter.key)
    return tuple(ordered.values())


def _refuse(parameter: Parameter, parameters: dict[str, Parameter]) -> None:
    for condition in parameter.conditions:
        if condition.key not in parameters:
            known = ", ".join(key for key in parameters if key != parameter.key)
            raise UserError(
                f"space.{parameter.key} depends on {condition.key}, which is not in the space (there: {known})"
            )
    raise UserError(f"space.{parameter.key} depends, in a circle, on itself")
