"""Plots of learning curves: of a run, and of several recipes."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmnist_pl.reporting.plots.style import BLUE, GREY, ORANGE
from fmnist_pl.reporting.runs import History

METRICS = {"loss": "loss", "acc": "accuracy"}  # metric name -> axis label
STAGES = {"val": "validation", "train": "training"}


def learning_curves_figure(history: History, tested_epoch: int | None) -> Figure:
    """Plot loss and accuracy per epoch, for training and validation.

    Args:
        history: Metrics of at least one epoch.
        tested_epoch: Epoch of the tested weights, from 0, marked by a dashed line; ``None`` if unknown.
    """
    figure = Figure(figsize=(9, 4))
    figure.suptitle("Learning curves")
    for axes, (metric, label) in zip(figure.subplots(1, len(METRICS)), METRICS.items(), strict=True):
        axes.set(xlabel="epoch", ylabel=label, xlim=(0.5, len(history) + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for stage, colour, marker in (("train", BLUE, "o"), ("val", ORANGE, "s")):
            _plot_curve(axes, history, f"{stage}/{metric}", color=colour, marker=marker, label=stage)
        if tested_epoch is not None:
            axes.axvline(tested_epoch + 1, color=GREY, linestyle="--", label=f"tested: epoch {tested_epoch + 1}")
        axes.legend()
    return figure


def recipe_curves_figure(histories: Mapping[str, Sequence[History]]) -> Figure:
    """Plot accuracy per epoch of several recipes: the mean over the runs of each, and the range from least to most.

    Args:
        histories: Name of a recipe -> metrics of each of its runs. Epochs without validation are left out.
    """
    figure = Figure(figsize=(9, 4.5))
    figure.suptitle("Learning curves")
    colours = matplotlib.colormaps["tab10" if len(histories) <= 10 else "tab20"].colors  # type: ignore[attr-defined]
    for axes, (stage, label) in zip(figure.subplots(1, 2, sharey=True), STAGES.items(), strict=True):
        axes.set(xlabel="epoch", ylabel=f"{label} accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number, (name, runs) in enumerate(histories.items()):
            _plot_range(axes, runs, f"{stage}/acc", colours[number % len(colours)], f"{name} (n = {len(runs)})")
    handles, labels = figure.axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _plot_range(axes: Axes, runs: Sequence[History], key: str, colour: tuple[float, ...], label: str) -> None:
    """The mean over the runs, and the range between them, of each epoch that has this metric."""
    values: dict[int, list[float]] = {}
    for history in runs:
        for epoch in history:
            if key in epoch:
                values.setdefault(int(epoch["epoch"]) + 1, []).append(epoch[key])
    epochs = sorted(values)
    axes.plot(epochs, [np.mean(values[epoch]) for epoch in epochs], color=colour, label=label)
    least, most = ([reduce(values[epoch]) for epoch in epochs] for reduce in (min, max))
    axes.fill_between(epochs, least, most, color=colour, alpha=0.2, linewidth=0)


def _plot_curve(axes: Axes, history: History, name: str, **style: str) -> None:
    points = [(epoch["epoch"] + 1, epoch[name]) for epoch in history if name in epoch]
    if points:
        axes.plot(*zip(*points, strict=True), markersize=4, **style)  # type: ignore[arg-type]
