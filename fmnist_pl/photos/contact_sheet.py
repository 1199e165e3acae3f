"""Contact sheets: each photo, the 28x28 image made from it, and the verdict.

Import this module only to draw contact sheets: it imports matplotlib.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from fmnist_pl.atomic_files import replacing
from fmnist_pl.foreign_text import printable
from fmnist_pl.photos.decode import read_photo
from fmnist_pl.photos.files import Photos
from fmnist_pl.photos.verdict import Verdict
from fmnist_pl.reporting.plots.style import BLUE, ORANGE, plot_style

PER_SHEET, PER_ROW = 40, 4  # photos
MAX_NAME = 26  # characters of a file name


def write_contact_sheets(folder: Path, photos: Photos, verdicts: list[Verdict]) -> list[Path]:
    """Draw contact_sheet.png, and contact_sheet_2.png etc. for more than 40 photos.

    The photos are read again, one sheet at a time, so that memory does not grow with their number.

    Args:
        folder: The run's folder.
        photos: The predicted photos.
        verdicts: One per photo.

    Returns:
        Paths of the sheets.

    Raises:
        UserError: The folder cannot be written, or a photo cannot be read any more.
    """
    sheets = []
    for number, start in enumerate(range(0, len(photos.paths), PER_SHEET), 1):
        part = slice(start, start + PER_SHEET)
        originals = [read_photo(path) for path in photos.paths[part]]
        names = [printable(path.name) for path in photos.paths[part]]
        sheets.append(folder / ("contact_sheet.png" if number == 1 else f"contact_sheet_{number}.png"))
        with plot_style(), replacing(sheets[-1], "wb") as file:
            figure = contact_sheet_figure(originals, names, photos.images[part], verdicts[part])
            figure.savefig(file, format="png")
    return sheets


def contact_sheet_figure(
    photos: Sequence[Image.Image], names: Sequence[str], images: Tensor, verdicts: Sequence[Verdict]
) -> Figure:
    """Plot one contact sheet.

    Args:
        photos: Mode RGBA.
        names: File names.
        images: uint8 (N, 1, 28, 28), one per photo.
        verdicts: One per photo.
    """
    rows, columns = -(-len(photos) // PER_ROW), min(len(photos), PER_ROW)
    figure = Figure(figsize=(3.1 * columns, 2.0 * rows))
    cells = figure.subfigures(rows, columns, squeeze=False).flat
    for cell, photo, name, image, verdict in zip(cells, photos, names, images, verdicts, strict=False):
        left, right = cell.subplots(1, 2)
        left.imshow(np.asarray(_on_white(photo)))
        right.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=255)
        for axes in (left, right):
            axes.set_axis_off()
        cell.suptitle(_shortened(name), fontsize=8, color="dimgray", parse_math=False)
        cell.supxlabel(verdict.text, fontsize=9, weight="bold", color=ORANGE if verdict.unsure else BLUE)
    return figure


def _on_white(photo: Image.Image) -> Image.Image:
    background = Image.new("RGBA", photo.size, "white")
    background.alpha_composite(photo)
    return background.convert("RGB")


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 9]}…{name[-8:]}"
