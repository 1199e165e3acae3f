"""The data sheet: a page about the images, written without training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.reporting.figures import FigureEntry, draw_figures, write_figures
from fmnist_pl.reporting.html import render
from fmnist_pl.reporting.plots.images import gallery_figure
from fmnist_pl.reporting.plots.style import BLUE, ORANGE, figure_with_axes

PAGE = "data_sheet.html"
SAMPLES = 25


def write_data_sheet(data: TrainAndTest, folder: Path) -> Path:
    """Write figures, and a page with the figures and a table.

    Args:
        data: Training and test images.
        folder: Target folder, created if needed.

    Returns:
        Path of the page.

    Raises:
        UserError: The folder cannot be written.
    """
    train, test = class_counts(data.train).tolist(), class_counts(data.test).tolist()
    rows = [[name, f"{a:,}", f"{b:,}"] for name, a, b in zip(CLASSES, train, test, strict=True)]
    scaled = data.train.images.double() / 255
    sections = {title: draw_figures(entries, data).values() for title, entries in SECTIONS.items()}
    write_figures([figure for figures in sections.values() for figure in figures], folder)
    page = render(
        "data_sheet.html",
        title=f"Data sheet of {data.source} images",
        source=data.source,
        counts=[["class", "training", "test"], *rows, ["all", f"{sum(train):,}", f"{sum(test):,}"]],
        sections=sections,
        pixel_mean=float(scaled.mean()),
        pixel_std=float(scaled.std()),
    )
    with replacing(folder / PAGE) as file:
        file.write(page)
    return folder / PAGE


def class_counts(data: LabelledImages) -> np.ndarray:
    """Number of images of each class, int64 (10,)."""
    return torch.bincount(data.labels, minlength=len(CLASSES)).numpy()


def class_means(data: LabelledImages) -> np.ndarray:
    """Mean image of each class, float (10, 28, 28); black for a class without images."""
    sums = torch.zeros(len(CLASSES), *data.images.shape[2:])
    sums.index_add_(0, data.labels, data.images[:, 0].float())
    return sums.numpy() / class_counts(data).clip(1)[:, None, None]


def pixel_counts(images: Tensor) -> np.ndarray:
    """Number of pixels of each value 0 to 255, int64 (256,)."""
    return np.bincount(images.numpy().ravel(), minlength=256)


def counts_figure(train: np.ndarray, test: np.ndarray, names: Sequence[str]) -> Figure:
    """Plot the number of training and test images of each class, (classes,) each, as bars."""
    figure, axes = figure_with_axes(8, 1.6 + 0.5 * len(names), "Images of each class")
    places = np.arange(len(names))
    for counts, label, colour, shift in ((train, "training", BLUE, -0.2), (test, "test", ORANGE, 0.2)):
        bars = axes.barh(places + shift, counts, 0.4, color=colour, label=label)
        axes.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=3, fontsize=8)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def pixels_figure(counts: np.ndarray) -> Figure:
    """Plot a histogram of the pixel values.

    Args:
        counts: Result of `pixel_counts`.
    """
    figure, axes = figure_with_axes(8, 3.5, "Pixel values")
    axes.bar(np.arange(len(counts)), counts, 1.0, color=BLUE)
    axes.set(xlabel="value (0 black, 255 white)", ylabel="pixels", yscale="log", xlim=(-1, len(counts)))
    return figure


def _train_samples(data: TrainAndTest) -> Figure:
    labels = [CLASSES[label] for label in data.train.labels[:SAMPLES].tolist()]
    return gallery_figure(data.train.images[:SAMPLES, 0].numpy(), labels, "Training images")


SECTIONS: dict[str, tuple[FigureEntry[TrainAndTest], ...]] = {
    "Classes": (
        FigureEntry(
            "class_counts",
            "Number of images of each class.",
            lambda data: counts_figure(class_counts(data.train), class_counts(data.test), CLASSES),
        ),
        FigureEntry(
            "class_means",
            "Mean of the training images of each class.",
            lambda data: gallery_figure(class_means(data.train), CLASSES, "Mean image of each class"),
        ),
    ),
    "Images": (
        FigureEntry("train_samples", "The first training images and their labels.", _train_samples),
        FigureEntry(
            "pixel_histogram",
            "Number of pixels of each value in the training images, on a logarithmic scale.",
            lambda data: pixels_figure(pixel_counts(data.train.images)),
        ),
    ),
}
"""Section of the page -> its figures."""
