"""Plots of many small images: samples, predictions, augmentation."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fmnist_pl.reporting.plots.style import BLUE, ORANGE

GAP = 0.12  # space between two images, as a fraction of the image side
LINE = 0.15  # height of a line of text below an image, as a fraction of the image side
SIDE_INCHES = 1.3


def draw_tiles(
    axes: Axes, images: np.ndarray, columns: int, space: float = GAP, colours: str = "gray"
) -> list[tuple[float, float]]:
    """Draw images in a grid, with one brightness scale from the lowest to the highest value of all.

    All images are one matplotlib image: one pair of axes per image takes ten times as long.

    Args:
        axes: Empty axes.
        images: (N, H, W), N at least 1.
        columns: Number of images in a row.
        space: Empty space below each image, as a fraction of the image height.
        colours: Name of a matplotlib colour map.

    Returns:
        The upper left corner (x, y) of each image, in pixels.
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
    """Plot images with a caption below each.

    Args:
        images: (N, H, W), N at least 1.
        captions: One per image, all with the same number of lines.
        title: Title of the figure.
        marked: Per image, whether its caption is orange and framed (else blue); by default all captions are black.
        columns: Number of images in a row.
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


def augmentation_figure(originals: np.ndarray, augmented: np.ndarray) -> Figure:
    """Plot images in the first row and augmented versions of them in the rows below.

    Args:
        originals: (N, H, W).
        augmented: (draws, N, H, W).
    """
    count, height, _ = originals.shape
    rows = np.concatenate([originals[None], augmented])
    figure = Figure(figsize=(count * SIDE_INCHES * 0.8 + 0.8, len(rows) * SIDE_INCHES * 0.8 + 0.4))
    figure.suptitle("Augmentation")
    axes = figure.subplots()
    corners = draw_tiles(axes, rows.reshape(-1, *originals.shape[1:]), count)
    for row, text in enumerate(["original", *["augmented"] * len(augmented)]):
        axes.text(-2, corners[row * count][1] + height / 2, text, ha="right", va="center")
    return figure
