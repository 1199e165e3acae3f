"""The common style of all plots: colours for colour-blind readers, the same text sizes everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8C8C8C"  # blue and orange: palette of Okabe & Ito (2008)
COLOURS = "viridis"  # colour map of continuous values

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.dpi": 120,
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


@contextmanager
def plot_style() -> Iterator[None]:
    """Apply the style inside the ``with`` block."""
    with matplotlib.rc_context(STYLE):
        yield


def figure_with_axes(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """Make a figure with one pair of axes; width and height are in inches."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
