"""Figures of a study, from its trials: history, importances, slices, parallel coordinates, Pareto front."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.reporting.plots.style import BLUE, COLOURS, GREY, ORANGE, figure_with_axes
from fmnist_pl.reporting.search_tables import number_text, short_names

COLUMNS = 4


def history_figure(trials: Sequence[FrozenTrial], name: str, sign: int) -> Figure:
    """Each trial's value, pruned ones where they stopped, and the best so far; what lies far below is at the edge.

    Args:
        trials: In order.
        name: Of the value.
        sign: 1 where more is better, -1 where less is.
    """
    figure, axes = figure_with_axes(8, 4.5, "Each trial, and the best so far")
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED and trial.intermediate_values]
    values = np.array([_value(trial) for trial in complete])
    stopped = np.array([trial.intermediate_values[max(trial.intermediate_values)] for trial in pruned])
    low, high = _interesting(values, sign)
    best = np.maximum.accumulate(sign * values) * sign
    axes.plot([t.number for t in complete], best, color=ORANGE, drawstyle="steps-post", label="best so far")
    axes.scatter([t.number for t in pruned], stopped.clip(low, high), color=GREY, marker="x", s=25, label="pruned")
    axes.scatter([t.number for t in complete], values.clip(low, high), color=BLUE, s=30, label="complete")
    axes.set(xlabel="trial (at the lower edge: below it)", ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def importances_figure(importances: dict[str, float], name: str) -> Figure:
    """A bar for each key: how much of the value's differences it explains.

    Args:
        importances: By dotted key, summing to 1.
        name: Of the value.
    """
    figure, axes = figure_with_axes(8, 1.2 + 0.35 * len(importances), f"What {name} depends on (PED-ANOVA)")
    ordered = sorted(importances.items(), key=lambda item: item[1])
    names = short_names(importances)
    bars = axes.barh([names[key] for key, _ in ordered], [value for _, value in ordered], color=BLUE)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlabel="importance")
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    return figure


def slices_figure(trials: Sequence[FrozenTrial], name: str) -> Figure:
    """For each key, the values of the complete trials over what they chose; later trials are brighter."""
    keys = _keys(trials)
    rows = math.ceil(len(keys) / COLUMNS)
    figure = Figure(figsize=(2.8 * min(len(keys), COLUMNS), 0.6 + 2.4 * rows))
    figure.suptitle(f"{name.capitalize()} by each choice (later trials are brighter)")
    grid = figure.subplots(rows, min(len(keys), COLUMNS), sharey=True, squeeze=False)
    for axes, key in zip(grid.flat, keys, strict=False):
        chosen = [trial for trial in trials if key in trial.params]
        scale = _Scale(chosen, key)
        places = [scale.place(trial.params[key]) for trial in chosen]
        order = [trial.number for trial in chosen]
        axes.scatter(
            places, [_value(trial) for trial in chosen], c=order, cmap=COLOURS, s=22, edgecolor="white", lw=0.4
        )
        axes.set_xticks(*scale.ticks())
        axes.set(xlabel=short_names(keys)[key], xlim=(-0.08, 1.08))
    for axes in grid.flat[len(keys) :]:
        axes.remove()
    for row in grid:
        row[0].set_ylabel(name)
    return figure


def parallel_figure(trials: Sequence[FrozenTrial], name: str) -> Figure:
    """A line for each complete trial through all that it chose, coloured by its value, the best on top."""
    keys = _keys(trials)
    figure, axes = figure_with_axes(2.5 + 1.25 * len(keys), 5, "The way of each trial through the space")
    scales = [_Scale([trial for trial in trials if key in trial.params], key) for key in keys]
    values = [_value(trial) for trial in trials]
    low, high = min(values), max(values)
    colours = ScalarMappable(Normalize(low, high), colormaps[COLOURS])
    for trial in sorted(trials, key=_value):
        line = [
            s.place(trial.params[key]) if key in trial.params else np.nan for key, s in zip(keys, scales, strict=True)
        ]
        axes.plot(line, color=colours.to_rgba(np.array(_value(trial))), marker="o", markersize=3, lw=1.6, alpha=0.85)
    for place, scale in enumerate(scales):
        for height, text in zip(*scale.ticks(), strict=True):
            axes.annotate(text, (place, height), xytext=(4, 3), textcoords="offset points", fontsize=8)
    names = short_names(keys)
    axes.set_xticks(range(len(keys)), [names[key] for key in keys], rotation=20, ha="right")
    axes.set(yticks=[], xlim=(-0.1, len(keys) - 0.6))
    axes.spines["left"].set_visible(False)
    figure.colorbar(colours, ax=axes, label=name, pad=0.01)
    return figure


def pareto_figure(trials: Sequence[FrozenTrial], front: Sequence[FrozenTrial], objectives: Sequence[str]) -> Figure:
    """All complete trials by their two values; those than which none is better in both, joined.

    Args:
        trials: The complete ones.
        front: Those of the front.
        objectives: Names of the two values.
    """
    figure, axes = figure_with_axes(8, 5, "Pareto front")
    axes.scatter([t.values[1] for t in trials], [t.values[0] for t in trials], color=GREY, s=22, label="other trials")
    ordered = sorted(front, key=lambda trial: trial.values[1])
    axes.plot(
        [t.values[1] for t in ordered], [t.values[0] for t in ordered], "o-", color=BLUE, label="none is better in both"
    )
    for trial in ordered:
        axes.annotate(
            str(trial.number), (trial.values[1], trial.values[0]), xytext=(4, -10), textcoords="offset points"
        )
    if objectives[1] == "parameters":
        axes.set_xscale("log")
    axes.set(xlabel=objectives[1], ylabel=objectives[0])
    axes.legend()
    return figure


class _Scale:
    """Where a key's choices lie between 0 and 1: by logarithm if it was searched so, in order if they are words."""

    def __init__(self, trials: Sequence[FrozenTrial], key: str) -> None:
        distribution = trials[0].distributions[key]
        self._log = bool(getattr(distribution, "log", False))
        self._choices: tuple[Any, ...] = ()
        if isinstance(distribution, IntDistribution | FloatDistribution):
            self._low, self._high = self._number(distribution.low), self._number(distribution.high)
        else:
            self._choices = tuple(distribution.choices)  # type: ignore[attr-defined]
            self._low, self._high = 0.0, float(max(len(self._choices) - 1, 1))

    def place(self, value: Any) -> float:
        number = self._choices.index(value) if self._choices else self._number(value)
        return (number - self._low) / (self._high - self._low) if self._high > self._low else 0.5

    def ticks(self) -> tuple[list[float], list[str]]:
        if self._choices:
            texts = [number_text(choice) for choice in self._choices]
            return [self.place(choice) for choice in self._choices], [text[:12] for text in texts]
        values = np.linspace(self._low, self._high, 3)
        numbers = [math.exp(value) if self._log else float(value) for value in values]
        return [0.0, 0.5, 1.0], [f"{number:.2g}" if number < 100 else f"{number:.0f}" for number in numbers]

    def _number(self, value: Any) -> float:
        return math.log(value) if self._log else float(value)


def _keys(trials: Sequence[FrozenTrial]) -> list[str]:
    return list(dict.fromkeys(key for trial in trials for key in trial.params))


def _value(trial: FrozenTrial) -> float:
    return float(trial.values[0])


def _interesting(values: np.ndarray, sign: int) -> tuple[float, float]:
    """A range from the best to not far below the middle, since one that went wrong would flatten all others."""
    best, middle = (sign * values).max(), np.median(sign * values)
    ends = sign * best, sign * (best - 3 * max(best - middle, 1e-3))
    return min(ends), max(ends)
