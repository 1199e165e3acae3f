"""Parameters of a search space: from ``{int: {low: 32, high: 128, step: 16}}`` to Optuna's distribution."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fmnist_pl.errors import UserError

KINDS = {"int": IntDistribution, "float": FloatDistribution}
FORMS = "{int: {low, high}}, {float: {low, high}} or {categorical: [..]}"
PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Condition:
    """Holds if another parameter has one of these values, or lies between these bounds (inclusive)."""

    key: str
    values: tuple[Any, ...] = ()
    low: float = -float("inf")
    high: float = float("inf")

    def holds(self, params: dict[str, Any]) -> bool:
        """Whether the condition holds; always false if the other parameter is inactive."""
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


@dataclass(frozen=True)
class Parameter:
    """A searched key: its values, and the conditions under which it is active."""

    key: str
    distribution: BaseDistribution
    choices: dict[Any, Any] | None
    """Config value of each label of a categorical (a plain value is its own label); ``None`` for a range."""
    conditions: tuple[Condition, ...] = ()

    def suggest(self, trial: optuna.Trial) -> Any:
        """Sample a number, or the label of a choice."""
        match self.distribution:
            case IntDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_int(self.key, low, high, step=step, log=log)
            case FloatDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_float(self.key, low, high, step=step, log=log)
        return trial.suggest_categorical(self.key, list(self.choices or ()))

    def config_value(self, sampled: Any) -> Any:
        """Config value of a sampled number or label."""
        return sampled if self.choices is None else self.choices[sampled]

    def size(self) -> int | None:
        """Number of values; ``None`` for a float without a step."""
        match self.distribution:
            case IntDistribution(low=low, high=high, step=step):
                return (high - low) // step + 1
            case FloatDistribution(low=low, high=high, step=step):
                return None if step is None else round((high - low) / step) + 1
        return len(self.choices or ())

    def values(self) -> Iterator[Any]:
        """All values in order, generated one by one: a range may be large."""
        if self.choices is not None:
            yield from self.choices
        else:
            yield from (self._number(place) for place in range(self.size() or 0))

    def ends(self) -> list[Any]:
        """Values that suffice to test whether the config accepts this parameter: all choices, or low and high."""
        if isinstance(self.distribution, IntDistribution | FloatDistribution):
            return [self.distribution.low, self.distribution.high]
        return list(self.choices or ())

    def contains(self, value: Any) -> bool:
        """Whether a number lies in the range and on its grid, or a label is among the choices."""
        if not isinstance(self.distribution, IntDistribution | FloatDistribution):
            return value in self.ends()
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        return low <= value <= high and (step is None or abs((value - low) / step - round((value - low) / step)) < 1e-8)

    def examples(self, condition: Condition) -> list[Any]:
        """Some of the values for which a condition on this parameter holds; empty if it never holds."""
        candidates: list[Any] = self.ends()
        if self.choices is None:
            low, high = self.ends()
            wanted = [value for value in condition.values or (condition.low,) if isinstance(value, int | float)]
            candidates = [min(max(value, low), high) for value in wanted if value == value]  # without NaN
            size = self.size()
            if size is not None:
                places = [int((value - low) // self.distribution.step) for value in candidates]  # type: ignore[attr-defined]
                candidates = [self._number(min(place + more, size - 1)) for place in places for more in (0, 1)]
        return [value for value in candidates if condition.holds({self.key: value})]

    def __str__(self) -> str:
        match self.distribution:
            case IntDistribution(low=low, high=high, step=step, log=log):
                text = f"{low} to {high}" + (f", step {step}" if step > 1 else "") + (", log" if log else "")
            case FloatDistribution(low=low, high=high, step=step, log=log):
                text = f"{low:g} to {high:g}" + (f", step {step:g}" if step else "") + (", log" if log else "")
            case _:
                text = ", ".join(str(label) for label in self.choices or ())
        return text + "".join(f"   (only when {condition})" for condition in self.conditions)

    def _number(self, place: int) -> int | float:
        """Number at a place of a range with a step; rounding never exceeds the upper bound."""
        assert isinstance(self.distribution, IntDistribution | FloatDistribution), "a range"
        return min(self.distribution.low + place * (self.distribution.step or 0), self.distribution.high)


def read_parameter(key: str, written: Any) -> Parameter:
    """Read a parameter as written in a search's file.

    Raises:
        UserError: The form is unknown, or the range is empty.
    """
    if not isinstance(written, dict):
        raise UserError(f"space.{key} is {written!r}: write {FORMS}")
    kinds = [kind for kind in written if kind != "when"]
    if len(kinds) != 1 or kinds[0] not in (*KINDS, "categorical"):
        raise UserError(f"space.{key} is {', '.join(map(str, kinds)) or 'empty'}: write {FORMS}, and at most a when")
    conditions = _read_conditions(key, written["when"]) if "when" in written else ()
    kind, content = kinds[0], written[kinds[0]]
    if kind == "categorical":
        choices = _read_choices(key, content)
        return Parameter(key, CategoricalDistribution(list(choices)), choices, conditions)
    return Parameter(key, _read_range(key, kind, content), None, conditions)


def _read_range(key: str, kind: str, content: Any) -> BaseDistribution:
    if not isinstance(content, dict) or not {"low", "high"} <= set(content) <= {"low", "high", "step", "log"}:
        raise UserError(f"space.{key}.{kind} is {content!r}: give low and high, and optionally step or log")
    numbers = {name: value for name, value in content.items() if name != "log"}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int if kind == "int" else int | float):
            raise UserError(f"space.{key}.{kind}.{name} is {value!r}: give {'an' if kind == 'int' else 'a'} {kind}")
    if content["low"] > content["high"]:
        raise UserError(f"space.{key} is empty: low {content['low']} is above high {content['high']}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns when it lowers high to a multiple of step
            return KINDS[kind](**content)
    except (ValueError, TypeError) as error:
        raise UserError(f"space.{key}: {' '.join(str(error).split())}") from error
    except ArithmeticError as error:  # of decimal, in which Optuna counts the steps
        raise UserError(f"space.{key}.{kind} is {content!r}: give finite numbers, and a larger step") from error


def _read_choices(key: str, content: Any) -> dict[Any, Any]:
    if not isinstance(content, list | dict) or not content:
        raise UserError(f"space.{key}.categorical is {content!r}: list at least one choice, or {{name: choice}}")
    if isinstance(content, dict):
        return dict(content)
    labels = [choice if isinstance(choice, PLAIN) else _label(choice) for choice in content]
    if len(set(labels)) < len(labels):
        labels = [choice if isinstance(choice, PLAIN) else json.dumps(choice) for choice in content]
    if len(set(labels)) < len(labels):
        raise UserError(f"space.{key}.categorical names a choice twice: {', '.join(map(str, labels))}")
    return dict(zip(labels, content, strict=True))


def _label(choice: Any) -> str:
    """Short text for a list or a class block: a storage holds plain values only."""
    if isinstance(choice, dict) and "class_path" in choice:
        return str(choice["class_path"]).rpartition(".")[2]
    return json.dumps(choice)


def _read_conditions(owner: str, when: Any) -> tuple[Condition, ...]:
    if not isinstance(when, dict) or not when:
        raise UserError(f"space.{owner}.when is {when!r}: write {{other key: value}}, [values] or {{min: .., max: ..}}")
    return tuple(_read_condition(owner, key, wanted) for key, wanted in when.items())


def _read_condition(owner: str, key: str, wanted: Any) -> Condition:
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
