"""The data sheet: what images there are, before anything is trained on them."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.reporting.galleries import gallery_figure
from fmnist_pl.reporting.page import render
from fmnist_pl.reporting.picture_files import Picture, write_pictures
from fmnist_pl.reporting.style import BLUE, ORANGE, figure_with_axes

PAGE = "data_sheet.html"
SAMPLES = 25


def write_data_sheet(data: TrainAndTest, folder: Path) -> Path:
    """Write pictures, and a page with them and a table.

    Args:
        data: All images.
        folder: Where to; made if it is not there.

    Returns:
        The page.

    Raises:
        UserError: The folder cannot be written.
    """
    names = list(CLASSES)
    train, test = (counts_of(part.labels, len(names)).tolist() for part in (data.train, data.test))
    pictures = _pictures(data, names)
    drawn = write_pictures(pictures, folder, "data sheet")
    scaled = data.train.images.double() / 255
    counts = [
        ["class", "training", "test"],
        *([name, f"{a:,}", f"{b:,}"] for name, a, b in zip(names, train, test, strict=True)),
    ]
    with replacing(folder / PAGE) as file:
        file.write(
            render(
                "data_sheet.html",
                drawn,
                title=f"Data sheet of {data.source} images",
                source=data.source,
                counts=[*counts, ["all", f"{sum(train):,}", f"{sum(test):,}"]],
                captions={name: picture.caption for name, picture in pictures.items()},
                pixel_mean=float(scaled.mean()),
                pixel_std=float(scaled.std()),
            )
        )
    return folder / PAGE


def _pictures(data: TrainAndTest, names: list[str]) -> dict[str, Picture]:
    train = data.train
    first = LabelledImages(train.images[:SAMPLES], train.labels[:SAMPLES])
    return {
        "class_counts": Picture(
            "Images of each class.",
            lambda: counts_figure(counts_of(train.labels, len(names)), counts_of(data.test.labels, len(names)), names),
        ),
        "class_means": Picture(
            "The mean of each class's training images: what they have in common.",
            lambda: gallery_figure(means_of(train, len(names)), names, "The mean image of each class"),
        ),
        "train_samples": Picture(
            "The first training images and their labels.",
            lambda: gallery_figure(
                first.images[:, 0].numpy(), [names[label] for label in first.labels.tolist()], "Training images"
            ),
        ),
        "pixel_histogram": Picture(
            "How many pixels of the training images have each value, on a logarithmic scale.",
            lambda: pixels_figure(np.bincount(train.images.numpy().ravel(), minlength=256)),
        ),
    }


def counts_of(labels: Tensor, classes: int) -> np.ndarray:
    """Images of each class, int64 (classes,)."""
    return torch.bincount(labels, minlength=classes).numpy()


def means_of(data: LabelledImages, classes: int) -> np.ndarray:
    """The mean image of each class, float (classes, 28, 28); black where there is none."""
    sums = torch.zeros(classes, *data.images.shape[2:])
    sums.index_add_(0, data.labels, data.images[:, 0].float())
    return sums.numpy() / counts_of(data.labels, classes).clip(1)[:, None, None]


def counts_figure(train: np.ndarray, test: np.ndarray, names: list[str]) -> Figure:
    """Two bars for each class: its training and its test images."""
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
    """How often each pixel value is there.

    Args:
        counts: int (256,), black first.
    """
    figure, axes = figure_with_axes(8, 3.5, "Pixel values")
    axes.bar(np.arange(len(counts)), counts, 1.0, color=BLUE)
    axes.set(xlabel="value (0 black, 255 white)", ylabel="pixels", yscale="log", xlim=(-1, len(counts)))
    return figure
