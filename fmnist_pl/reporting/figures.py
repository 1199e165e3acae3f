"""Figures with a name and a caption: draw them as PNG, write them to files."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from matplotlib.figure import Figure

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.plots.style import plot_style

Inputs = TypeVar("Inputs")


@dataclass(frozen=True)
class FigureEntry(Generic[Inputs]):
    """A figure that a page shows."""

    name: str
    """Name of the file (without ``.png``) and of the figure in TensorBoard."""
    caption: str
    draw: Callable[[Inputs], Figure | None]
    """Returns ``None`` if the inputs lack what the figure shows."""
    missing: str = ""
    """Sentence for the page if ``draw`` returns ``None``."""
    in_tensorboard: bool = False
    """Whether TensorBoard shows the figure after validations and the test."""


@dataclass(frozen=True)
class DrawnFigure:
    """A drawn figure and its caption."""

    name: str
    caption: str
    """What the figure shows, or why it is missing."""
    png: bytes
    """Empty if the figure is missing."""

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")


def draw_figures(entries: Iterable[FigureEntry[Inputs]], inputs: Inputs) -> dict[str, DrawnFigure]:
    """Draw all figures of a list, by name and in order."""
    drawn = {}
    with plot_style():
        for entry in entries:
            figure = entry.draw(inputs)
            png = b"" if figure is None else _png(figure)
            drawn[entry.name] = DrawnFigure(entry.name, entry.caption if png else entry.missing, png)
    return drawn


def write_figures(figures: Iterable[DrawnFigure], folder: Path) -> None:
    """Write each figure to NAME.png; missing figures are left out.

    Args:
        figures: Drawn figures.
        folder: Target folder, created if needed.

    Raises:
        UserError: The folder cannot be written.
    """
    for figure in figures:
        if figure.png:
            with replacing(folder / f"{figure.name}.png", "wb") as file:
                file.write(figure.png)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
