"""Figures of a study: Optuna's history, importances and Pareto front; slices and parallel coordinates of our own."""

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import optuna
from matplotlib import colormaps, pyplot
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as optuna_figures

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.plots.style import COLOURS, figure_with_axes, plot_style
from fmnist_pl.tuning.display.tables import number_text, short_names

FEWEST_TRIALS = 2
COLUMNS = 4


def write_figures(study: optuna.Study, objectives: list[str], folder: Path) -> list[Path]:
    """Draw the figures of a study.

    Args:
        study: With its trials.
        objectives: Names of its values.
        folder: Folder for the PNG files.

    Returns:
        The files; none if fewer than `FEWEST_TRIALS` trials are complete.
    """
    written = []
    with plot_style(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's figures are marked as experimental
        for name, draw in _figures(study, objectives).items():
            figure = draw()
            if figure is None:
                continue
            path = folder / f"{name}.png"
            with replacing(path, "wb") as file:
                figure.savefig(file, format="png", bbox_inches="tight")
            pyplot.close(figure)
            written.append(path)
    return written


def _figures(study: optuna.Study, objectives: list[str]) -> dict[str, Callable[[], Figure | None]]:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < FEWEST_TRIALS or not any(trial.params for trial in complete):
        return {}
    if len(objectives) > 1:
        return {"pareto_front": lambda: pareto_figure(study, objectives)}
    name = "validation accuracy" if objectives == ["accuracy"] else objectives[0]
    return {
        "history": lambda: history_figure(study, name),
        "slices": lambda: slices_figure(complete, name),
        "parallel_coordinates": lambda: parallel_figure(complete, name),
        "importances": lambda: importances_figure(study, name),
    }


def history_figure(study: optuna.Study, name: str) -> Figure:
    """Value of each complete trial, and the best so far; trials far below the median are outside of the axes."""
    values = np.array([trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))])
    axes = optuna_figures.plot_optimization_history(study)
    axes.set_ylim(*_limits(values, study.direction == optuna.study.StudyDirection.MAXIMIZE))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(["trial", "best so far"], loc="lower right")
    return _styled(axes, "Trials and the best so far", (8, 4.5), xlabel="trial", ylabel=name)


def importances_figure(study: optuna.Study, name: str) -> Figure | None:
    """Fraction of the variation in the values that each key explains; ``None`` if the values do not vary."""
    try:
        axes = optuna_figures.plot_param_importances(study)
    except (ValueError, RuntimeError):
        return None
    keys = [label.get_text() for label in axes.get_yticklabels()]
    names = short_names(keys)
    axes.set_yticks(axes.get_yticks(), [names[key] for key in keys])
    axes.legend().remove()
    size = (8, 1.2 + 0.35 * len(keys))
    return _styled(axes, f"What {name} depends on (PED-ANOVA)", size, xlabel="importance", ylabel="")


def pareto_figure(study: optuna.Study, objectives: Sequence[str]) -> Figure:
    """The two values of each complete trial; those of the Pareto front stand out."""
    axes = optuna_figures.plot_pareto_front(
        study, targets=lambda trial: (trial.values[1], trial.values[0]), target_names=[objectives[1], objectives[0]]
    )
    if objectives[1] == "parameters":
        axes.set_xscale("log")
    axes.legend(["trial", "Pareto front, with the trial's number"])
    for trial in study.best_trials:
        axes.annotate(str(trial.number), (trial.values[1], trial.values[0]), (4, 4), textcoords="offset points")
    return _styled(axes, "Pareto front", (8, 5))


def slices_figure(trials: Sequence[FrozenTrial], name: str) -> Figure:
    """For each key, the values of the complete trials over its params; later trials are brighter."""
    keys = _keys(trials)
    rows = math.ceil(len(keys) / COLUMNS)
    figure = Figure(figsize=(2.8 * min(len(keys), COLUMNS), 0.6 + 2.4 * rows))
    figure.suptitle(f"{name.capitalize()} by each key (later trials are brighter)")
    grid = figure.subplots(rows, min(len(keys), COLUMNS), sharey=True, squeeze=False)
    for axes, key in zip(grid.flat, keys, strict=False):
        having = [trial for trial in trials if key in trial.params]
        scale = _Scale(having, key)
        places = [scale.place(trial.params[key]) for trial in having]
        order = [trial.number for trial in having]
        axes.scatter(places, [trial.value for trial in having], c=order, cmap=COLOURS, s=22, edgecolor="white", lw=0.4)
        axes.set_xticks(*scale.ticks())
        axes.set(xlabel=short_names(keys)[key], xlim=(-0.08, 1.08))
    for axes in grid.flat[len(keys) :]:
        axes.remove()
    for row in grid:
        row[0].set_ylabel(name)
    return figure


def parallel_figure(trials: Sequence[FrozenTrial], name: str) -> Figure:
    """A line for each complete trial through its params, coloured by its value, the best on top.

    Optuna's figure is unreadable at the eleven keys of configs/search/cnn.yaml: its axes overlap each other's labels.
    """
    keys = _keys(trials)
    figure, axes = figure_with_axes(2.5 + 1.25 * len(keys), 5, "Params of each trial")
    scales = [_Scale([trial for trial in trials if key in trial.params], key) for key in keys]
    values = [_value(trial) for trial in trials]
    colours = ScalarMappable(Normalize(min(values), max(values)), colormaps[COLOURS])
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


class _Scale:
    """Position of a key's params between 0 and 1: logarithmic if searched so, in order for choices."""

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


def _styled(axes: Axes, title: str, size: tuple[float, float], **labels: str) -> Figure:
    """Give a figure of Optuna, which comes in the style ggplot, the style of the others; its size is in inches."""
    axes.set(facecolor="white", **labels)
    axes.set_title("", loc="left")
    axes.set_title(title)
    axes.grid(color="0.9")
    figure = cast(Figure, axes.figure)
    figure.set_size_inches(size)
    return figure


def _limits(values: np.ndarray, more_is_better: bool) -> tuple[float, float]:
    """Limits of an axis from the best value to well below the median: a diverged trial would flatten all others."""
    sign = 1 if more_is_better else -1
    best, median, worst = (sign * values).max(), np.median(sign * values), (sign * values).min()
    end = max(worst, best - 3 * max(best - median, 1e-3))
    margin = 0.05 * max(best - end, 1e-3)
    first, last = sorted((sign * (best + margin), sign * (end - margin)))
    return first, last


def _keys(trials: Sequence[FrozenTrial]) -> list[str]:
    return list(dict.fromkeys(key for trial in trials for key in trial.params))


def _value(trial: FrozenTrial) -> float:
    return float(trial.values[0])
