"""A contact sheet of photos: each one, what the network saw of it, and the verdict."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from fmnist_pl.photos.verdict import Verdict
from fmnist_pl.reporting.style import BLUE, ORANGE

ACROSS = 4
"""Photos in a row."""

LONGEST_NAME = 26


def contact_sheet(photos: Sequence[Image.Image], names: Sequence[str], seen: Tensor, verdicts: list[Verdict]) -> Figure:
    """Draw the sheet.

    Args:
        photos: Mode RGBA.
        names: Of their files.
        seen: uint8 (N, 1, 28, 28).
        verdicts: One for each.
    """
    rows = -(-len(photos) // ACROSS)
    figure = Figure(figsize=(3.1 * min(len(photos), ACROSS), 2.0 * rows))
    cells = figure.subfigures(rows, min(len(photos), ACROSS), squeeze=False).flat
    for cell, photo, name, image, verdict in zip(cells, photos, names, seen, verdicts, strict=False):
        left, right = cell.subplots(1, 2)
        left.imshow(np.asarray(_on_white(photo)))
        right.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=255)
        for axes in (left, right):
            axes.set_axis_off()
        cell.suptitle(_shortened(name), fontsize=8, color="dimgray")
        cell.supxlabel(verdict.text, fontsize=9, weight="bold", color=ORANGE if verdict.unsure else BLUE)
    return figure


def _on_white(photo: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", photo.size, "white")
    ground.alpha_composite(photo)
    return ground.convert("RGB")


def _shortened(name: str) -> str:
    name = Path(name).name.replace("$", r"\$")  # matplotlib would set what is between two as mathematics
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 9]}…{name[-8:]}"
