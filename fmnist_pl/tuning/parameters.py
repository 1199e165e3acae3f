"""One parameter of a space: from ``{int: {low: 32, high: 128, step: 16}}`` to Optuna's distribution."""

import json
import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.conditions import Condition, read_conditions

KINDS = {"int": IntDistribution, "float": FloatDistribution}
PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Parameter:
    """A key that is searched: its values, and when it is there."""

    key: str
    distribution: BaseDistribution
    choices: dict[Any, Any] | None
    """What each label of a categorical stands for; a plain value is its own label."""
    conditions: tuple[Condition, ...] = ()

    def suggest(self, trial: optuna.Trial) -> Any:
        """Let a trial choose: a number, or the label of a choice."""
        match self.distribution:
            case IntDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_int(self.key, low, high, step=step, log=log)
            case FloatDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_float(self.key, low, high, step=step, log=log)
        return trial.suggest_categorical(self.key, self._labels())

    def value(self, chosen: Any) -> Any:
        """What goes into the config for what a trial chose."""
        return chosen if self.choices is None else self.choices[chosen]

    def all_values(self) -> list[Any] | None:
        """Everything that can be chosen; ``None`` where there is no end of it."""
        match self.distribution:
            case IntDistribution(low=low, high=high, step=step):
                return list(range(low, high + 1, step))
            case FloatDistribution(low=low, high=high, step=step) if step is not None:
                return [low + i * step for i in range(round((high - low) / step) + 1)]
            case FloatDistribution():
                return None
        return self._labels()

    def ends(self) -> list[Any]:
        """Values enough to see whether the config takes them: all choices, or the ends of a range."""
        if isinstance(self.distribution, IntDistribution | FloatDistribution):
            return [self.distribution.low, self.distribution.high]
        return self._labels()

    def may_be(self, condition: Condition) -> bool:
        """Whether a condition on this parameter can hold at all."""
        values = self.all_values()
        if values is not None:
            return any(condition.holds({self.key: value}) for value in values)
        low, high = self.ends()
        return condition.low <= high and condition.high >= low

    def __str__(self) -> str:
        match self.distribution:
            case IntDistribution(low=low, high=high, step=step, log=log):
                text = f"{low} to {high}" + (f", step {step}" if step > 1 else "") + (", log" if log else "")
            case FloatDistribution(low=low, high=high, step=step, log=log):
                text = f"{low:g} to {high:g}" + (f", step {step:g}" if step else "") + (", log" if log else "")
            case _:
                text = ", ".join(str(label) for label in self._labels())
        return text + "".join(f"   (only when {condition})" for condition in self.conditions)

    def _labels(self) -> list[Any]:
        assert self.choices is not None, "a number has a range"
        return list(self.choices)


def read_parameter(key: str, written: Any) -> Parameter:
    """A parameter as it is written in a search's file.

    Raises:
        UserError: It is not written as a parameter is, or its range is empty.
    """
    forms = "{int: {low, high}}, {float: {low, high}} or {categorical: [..]}"
    if not isinstance(written, dict):
        raise UserError(f"space.{key} is {written!r}: write {forms}")
    kinds = [kind for kind in written if kind != "when"]
    if len(kinds) != 1 or kinds[0] not in (*KINDS, "categorical"):
        raise UserError(f"space.{key} is {', '.join(map(str, kinds)) or 'nothing'}: write {forms}, and at most a when")
    conditions = read_conditions(key, written["when"]) if "when" in written else ()
    kind, content = kinds[0], written[kinds[0]]
    if kind == "categorical":
        choices = _read_choices(key, content)
        return Parameter(key, CategoricalDistribution(list(choices)), choices, conditions)
    return Parameter(key, _read_range(key, kind, content), None, conditions)


def _read_range(key: str, kind: str, content: Any) -> BaseDistribution:
    if not isinstance(content, dict) or not {"low", "high"} <= set(content) <= {"low", "high", "step", "log"}:
        raise UserError(f"space.{key}.{kind} is {content!r}: give low and high, and step or log if you like")
    numbers = {name: value for name, value in content.items() if name != "log"}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int if kind == "int" else int | float):
            raise UserError(f"space.{key}.{kind}.{name} is {value!r}: give {'an' if kind == 'int' else 'a'} {kind}")
    if content["low"] > content["high"]:
        raise UserError(f"space.{key} is empty: low {content['low']} lies above high {content['high']}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a step that does not reach high: Optuna lowers high
            return KINDS[kind](**content)
    except (ValueError, TypeError) as error:
        raise UserError(f"space.{key}: {' '.join(str(error).split())}") from error


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
    """A list or a class block as a short text, which a storage can keep."""
    if isinstance(choice, dict) and "class_path" in choice:
        return str(choice["class_path"]).rpartition(".")[2]
    return json.dumps(choice)
