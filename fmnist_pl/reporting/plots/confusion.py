"""Plots of the predictions per class and per confidence: confusion matrix, F1, reliability."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fmnist_pl.reporting.evaluation import BINS
from fmnist_pl.reporting.plots.style import BLUE, GREY, ORANGE, figure_with_axes

MAX_CLASSES_WITH_TEXT = 20  # with more classes the cells are too small for numbers


def confusion_figure(confusion: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Plot a confusion matrix; each cell shows the number of images and the percentage of the true class.

    Args:
        confusion: int (classes, classes); rows are true classes, columns are predicted classes.
        names: Class names.
        title: Title of the figure.
    """
    count = len(names)
    fractions = confusion / confusion.sum(axis=1, keepdims=True).clip(1)
    side = min(2.4 + 0.62 * count, 12)
    figure, axes = figure_with_axes(side, side * 0.92, title)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    if count <= MAX_CLASSES_WITH_TEXT:
        for (row, column), images in np.ndenumerate(confusion):
            if images:
                colour = "white" if fractions[row, column] > 0.5 else "black"
                text = f"{images}\n{fractions[row, column]:.1%}"
                axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    return figure


def f1_figure(f1: Sequence[float], names: Sequence[str], macro: float) -> Figure:
    """Plot the F1 of each class as a bar, and their mean as a dashed line.

    Args:
        f1: F1 of each class, 0 to 1.
        names: Class names.
        macro: Mean of ``f1``.
    """
    figure, axes = figure_with_axes(8, 1.4 + 0.32 * len(names), f"F1 per class (dashed line: mean, {macro:.3f})")
    bars = axes.barh(range(len(names)), f1, color=BLUE)
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.axvline(macro, color=GREY, linestyle="--")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.08), xlabel="F1")
    axes.grid(visible=False, axis="y")
    return figure


def reliability_figure(confidences: np.ndarray, correct: np.ndarray, calibration_error: float) -> Figure:
    """Plot accuracy over confidence in bins, and the number of images per bin below it.

    Args:
        confidences: Probability of each prediction, float (N,).
        correct: Whether each prediction is correct, bool (N,).
        calibration_error: Expected calibration error, shown in the title.
    """
    edges = np.linspace(0, 1, BINS + 1)
    # a bin includes its upper edge, as in torchmetrics
    bin_of_image = (np.searchsorted(edges, confidences, side="left") - 1).clip(0, BINS - 1)
    count = np.bincount(bin_of_image, minlength=BINS)
    accuracy, confidence = (
        np.bincount(bin_of_image, weights=values, minlength=BINS) / count.clip(1) for values in (correct, confidences)
    )
    figure = Figure(figsize=(6, 5.6))
    upper, lower = figure.subplots(2, height_ratios=(3, 1), sharex=True)
    filled = count > 0
    upper.bar(edges[:-1][filled], accuracy[filled], 1 / BINS, align="edge", color=BLUE, edgecolor="white")
    upper.plot([0, 1], [0, 1], "--", color="black", label="perfect calibration")
    upper.plot(confidence[filled], accuracy[filled], "o", color=ORANGE, label="mean confidence of the bin")
    upper.set(ylabel="accuracy", ylim=(0, 1.02), xlim=(0, 1))
    upper.set_title(f"Reliability: expected calibration error {calibration_error:.3f}")
    upper.legend(loc="upper left")
    lower.bar(edges[:-1], count, 1 / BINS, align="edge", color=GREY, edgecolor="white")
    lower.set(xlabel="confidence", ylabel="images")
    return figure
