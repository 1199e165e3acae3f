"""Plots of corrupted images: accuracy over the strength, and examples."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from fmnist_pl.reporting.plots.images import draw_tiles
from fmnist_pl.reporting.plots.style import BLUE, GREY

COLUMNS = 4
SIDE_INCHES = 0.8


def robustness_figure(clean: float, accuracies: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Plot accuracy over strength, one pair of axes per corruption, all with the same scale.

    Args:
        clean: Accuracy on the images without corruption, the dashed line.
        accuracies: Corruption -> accuracy at the strengths 1, 2, ...
        title: Title of the figure.
    """
    rows = -(-len(accuracies) // COLUMNS)
    figure = Figure(figsize=(9.5, 0.8 + 2.1 * rows))
    figure.suptitle(title)
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes, (name, values) in zip(grid.flat, accuracies.items(), strict=False):
        strengths = np.arange(1, len(values) + 1)
        axes.axhline(clean, color=GREY, linestyle="--", label=f"clean images: {clean:.4f}")
        axes.plot(strengths, values, "o-", color=BLUE, markersize=4, label="corrupted images")
        axes.set_title(f"{name}: mean {np.mean(values):.3f}", fontsize=10)
        axes.set(ylim=(0, 1.02), xlim=(0.7, len(values) + 0.3), xticks=strengths)
    for axes in grid.flat[len(accuracies) :]:
        axes.axis("off")
    figure.supxlabel("strength", fontsize=10)
    figure.supylabel("accuracy", fontsize=10)
    figure.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return figure


def corruptions_figure(images: np.ndarray, names: Sequence[str]) -> Figure:
    """Plot one image under each corruption (rows), clean and at each strength (columns).

    Args:
        images: (corruptions, 1 + strengths, H, W); the first column is clean.
        names: Name of each row.
    """
    rows, columns, height, width = images.shape
    figure = Figure(figsize=(columns * SIDE_INCHES + 1.6, rows * SIDE_INCHES + 0.7))
    figure.suptitle("One image under each corruption")
    axes = figure.subplots()
    corners = draw_tiles(axes, images.reshape(-1, height, width), columns)
    for row, name in enumerate(names):
        axes.text(-2, corners[row * columns][1] + height / 2, name, ha="right", va="center", fontsize=9)
    for column in range(columns):
        text = f"strength {column}" if column else "clean"
        axes.text(corners[column][0] + width / 2, -2, text, ha="center", va="bottom", fontsize=8)
    return figure
