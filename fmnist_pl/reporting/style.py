"""One style for all pictures: readable, safe for the colour-blind, the same sizes everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8C8C8C"
"""Of the palette of Okabe & Ito (2008)."""

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
}


@contextmanager
def picture_style() -> Iterator[None]:
    """Draw in the style while the block runs."""
    with matplotlib.rc_context(STYLE):
        yield
