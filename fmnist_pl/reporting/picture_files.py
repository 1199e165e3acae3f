"""Figures as files, and as bytes for a page."""

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from rich.progress import track

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.style import picture_style


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn, and a sentence below it."""

    caption: str
    draw: Callable[[], Figure]


def write_pictures(pictures: Mapping[str, Picture], folder: Path, description: str) -> dict[str, bytes]:
    """Draw pictures into NAME.png and NAME.svg, with a bar in a terminal.

    Args:
        pictures: By name.
        folder: Where to; made if it is not there.
        description: Beside the bar.

    Returns:
        Each as PNG.

    Raises:
        UserError: The folder cannot be written.
    """
    drawn = {}
    for name in track(list(pictures), description, transient=True, disable=not sys.stdout.isatty()):
        with picture_style():
            figure = pictures[name].draw()
            drawn[name] = _png(figure)
            with replacing(folder / f"{name}.png", "wb") as file:
                file.write(drawn[name])
            figure.set_layout_engine("none")  # it is laid out, which takes half of the time
            with replacing(folder / f"{name}.svg", "wb") as file:
                figure.savefig(file, format="svg", metadata={"Date": None})
    return drawn


def png_of(picture: Picture) -> bytes:
    """Draw a picture."""
    with picture_style():
        return _png(picture.draw())


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
