"""One style for all pictures: readable, safe for the colour-blind, the same sizes everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8C8C8C"
"""Of the palette of Okabe & Ito (2008)."""

PALETTE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", GREY)
"""For lines that must be told apart; from the ninth on they come again."""

COLOURS = "viridis"
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
    "svg.hashsalt": "fmnist_pl",  # the same picture is the same file
}


@contextmanager
def picture_style() -> Iterator[None]:
    """Draw in the style while the block runs."""
    with matplotlib.rc_context(STYLE):
        yield


def figure_with_axes(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """A figure of one pair of axes, its size in inches."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
