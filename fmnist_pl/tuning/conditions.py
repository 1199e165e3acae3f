"""When a parameter of a space is there at all: ``when: {other key: value, [values] or {min: .., max: ..}}``."""

from dataclasses import dataclass
from typing import Any

from fmnist_pl.errors import UserError


@dataclass(frozen=True)
class Condition:
    """Holds if another parameter has one of these values, or lies between these bounds."""

    key: str
    values: tuple[Any, ...] = ()
    low: float = -float("inf")
    high: float = float("inf")

    def holds(self, params: dict[str, Any]) -> bool:
        """Whether it holds; never where the other parameter is not there itself."""
        if self.key not in params:
            return False
        value = params[self.key]
        if self.values:
            return value in self.values
        return isinstance(value, int | float) and self.low <= value <= self.high

    def __str__(self) -> str:
        if self.values:
            return f"{self.key} is {' or '.join(str(value) for value in self.values)}"
        return f"{self.key} is between {self.low:g} and {self.high:g}"


def read_conditions(owner: str, when: Any) -> tuple[Condition, ...]:
    """The conditions under ``when`` of the parameter ``owner``.

    Raises:
        UserError: They are not written as conditions are.
    """
    if not isinstance(when, dict) or not when:
        raise UserError(f"space.{owner}.when is {when!r}: write {{other key: value}}, [values] or {{min: .., max: ..}}")
    return tuple(_read(owner, key, wanted) for key, wanted in when.items())


def _read(owner: str, key: str, wanted: Any) -> Condition:
    if isinstance(wanted, dict):
        if not wanted or not set(wanted) <= {"min", "max"}:
            raise UserError(f"space.{owner}.when.{key} is {wanted!r}: give min, max or both")
        if any(isinstance(end, bool) or not isinstance(end, int | float) for end in wanted.values()):
            raise UserError(f"space.{owner}.when.{key} is {wanted!r}: min and max are numbers")
        return Condition(key, (), wanted.get("min", -float("inf")), wanted.get("max", float("inf")))
    values = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    if not values:
        raise UserError(f"space.{owner}.when.{key} is empty: name a value")
    return Condition(key, values)
