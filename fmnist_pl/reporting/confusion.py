"""Figures of which classes are told apart: confusion matrix, F1 of each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fmnist_pl.reporting.style import BLUE, GREY, figure_with_axes

MOST_TEXTS = 20
"""Classes above which the cells hold no numbers: nobody could read them."""


def confusion_figure(confusion: np.ndarray, names: Sequence[str], title: str = "Confusion matrix") -> Figure:
    """The images of each true class by what they were taken for: count, and percentage of the true class.

    Args:
        confusion: int (classes, classes), true classes in rows.
        names: Of the classes.
        title: Above it.
    """
    count = len(names)
    rates = confusion / confusion.sum(axis=1, keepdims=True).clip(1)
    side = min(2.4 + 0.62 * count, 12)
    figure, axes = figure_with_axes(side, side * 0.92, title)
    axes.imshow(rates, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    if count <= MOST_TEXTS:
        for (row, column), images in np.ndenumerate(confusion):
            if images:
                colour = "white" if rates[row, column] > 0.5 else "black"
                text = f"{images}\n{rates[row, column]:.1%}"
                axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    return figure


def f1_figure(f1: Sequence[float], names: Sequence[str], macro: float) -> Figure:
    """A bar for each class, and a line at their mean.

    Args:
        f1: Of each class, 0 to 1.
        names: Of the classes.
        macro: The mean.
    """
    figure, axes = figure_with_axes(8, 1.4 + 0.32 * len(names), f"F1 of each class (dashed: their mean, {macro:.3f})")
    bars = axes.barh(range(len(names)), f1, color=BLUE)
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.axvline(macro, color=GREY, linestyle="--")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.08), xlabel="F1")
    axes.grid(visible=False, axis="y")
    return figure
