"""Figures of many small images: samples, predictions, random changes beside their originals."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fmnist_pl.reporting.style import BLUE, ORANGE

GAP = 0.12
"""Between two images, as a part of their side."""

LINE = 0.15
"""Height of a line of text below an image, as a part of its side."""

SIDE_INCHES = 1.3


def draw_tiles(
    axes: Axes, images: np.ndarray, columns: int, space: float = GAP, colours: str = "gray"
) -> list[tuple[float, float]]:
    """Draw images in rows, all in one scale from black (the least of them) to white (the most).

    One picture for all of them: a pair of axes for each would take ten times as long.

    Args:
        axes: Of nothing else.
        images: (N, H, W), N at least 1.
        columns: Images in a row.
        space: Empty rows below each image, as a part of its side.
        colours: Name of a matplotlib colour map.

    Returns:
        The corner (x, y), in pixels, of each image.
    """
    count, height, width = images.shape
    rows = math.ceil(count / columns)
    step_y, step_x = height + math.ceil(space * height), width + math.ceil(GAP * width)
    sheet = np.full((rows * step_y, columns * step_x - (step_x - width)), np.nan)
    corners = [(float(n % columns * step_x), float(n // columns * step_y)) for n in range(count)]
    for image, (x, y) in zip(images, corners, strict=True):
        sheet[int(y) : int(y) + height, int(x) : int(x) + width] = image
    axes.imshow(sheet, cmap=colours, interpolation="nearest", extent=(0, sheet.shape[1], sheet.shape[0], 0))
    axes.axis("off")
    return corners


def gallery_figure(
    images: np.ndarray, captions: Sequence[str], title: str, marked: Sequence[bool] = (), columns: int = 5
) -> Figure:
    """Images with a text below each.

    Args:
        images: (N, H, W), N at least 1.
        captions: One for each, all with the same number of lines.
        title: Of the whole.
        marked: Which get a frame and a caption in orange; the others' captions are then blue.
        columns: Images in a row.
    """
    count, height, width = images.shape
    columns = min(columns, count)
    rows, lines = math.ceil(count / columns), captions[0].count("\n") + 1
    space = lines * LINE + 0.05
    figure = Figure(figsize=(max(columns * SIDE_INCHES, 4), rows * SIDE_INCHES * (1 + space) / (1 + GAP) + 0.4))
    figure.suptitle(title)
    axes = figure.subplots()
    corners = draw_tiles(axes, images, columns, space)
    for place, ((x, y), caption) in enumerate(zip(corners, captions, strict=True)):
        colour = "black" if not marked else ORANGE if marked[place] else BLUE
        axes.text(x + width / 2, y + height * 1.02, caption, ha="center", va="top", fontsize=8, color=colour)
        if marked and marked[place]:
            axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=ORANGE, linewidth=2))
    return figure


def changes_figure(originals: np.ndarray, changed: np.ndarray, title: str) -> Figure:
    """Images in the first row, and below each what random changes made of it.

    Args:
        originals: (N, H, W).
        changed: (draws, N, H, W).
        title: Of the whole.
    """
    count, height, _ = originals.shape
    rows = np.concatenate([originals[None], changed])
    figure = Figure(figsize=(count * SIDE_INCHES * 0.8 + 0.8, len(rows) * SIDE_INCHES * 0.8 + 0.4))
    figure.suptitle(title)
    axes = figure.subplots()
    corners = draw_tiles(axes, rows.reshape(-1, *originals.shape[1:]), count)
    for row, text in enumerate(["original", *["changed"] * len(changed)]):
        axes.text(-2, corners[row * count][1] + height / 2, text, ha="right", va="center")
    return figure
