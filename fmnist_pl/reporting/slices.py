"""Weak slices: kinds of images, told by simple numbers, on which a classifier is worse than on the others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fmnist_pl.reporting.evaluation import Evaluation

FOREGROUND = 25  # pixels above this value belong to the object
TENTH = 0.1  # fraction of the images in a slice
FEWEST = 50  # images in a slice; also at least 5 expected errors, where the normal distribution holds
SIGNIFICANCE = 0.05  # chance that any slice of a classifier without weak slices is called weak


@dataclass(frozen=True)
class SliceKind:
    """One tenth of the images by a number of the image."""

    name: str
    measure: str
    """Which number, a key of `image_measures`."""
    is_lowest: bool
    """Whether it is the tenth with the lowest numbers, or the one with the highest."""
    definition: str


KINDS = (
    SliceKind("dark", "brightness", True, "the tenth with the lowest mean brightness of the object"),
    SliceKind("small", "area", True, "the tenth with the fewest object pixels"),
    SliceKind("off-centre", "distance", False, "the tenth with the centre of mass farthest from the image's centre"),
    SliceKind("thin", "thickness", True, "the tenth with the narrowest bounding box"),
)


@dataclass(frozen=True)
class WeakSlice:
    """A slice with a lower accuracy than the other images of the same classes."""

    kind: SliceKind
    images: int
    accuracy: float
    rest_accuracy: float
    """Accuracy of the other images, weighted so that every class has the share that it has in the slice."""
    standard_errors: float
    """Difference of the two accuracies over its standard error."""


def image_measures(images: np.ndarray) -> dict[str, np.ndarray]:
    """Simple numbers of each image; an image without an object has 0 everywhere.

    Args:
        images: (N, H, W), 0 black to 255 white.

    Returns:
        Each float (N,): ``brightness``, mean pixel of the object, 0 to 1; ``area``, fraction of the pixels that are
        of the object; ``distance``, of the centre of mass from the centre of the image, in pixels; ``thickness``, the
        shorter side of the object's bounding box, in pixels.
    """
    _, height, width = images.shape
    is_object = images > FOREGROUND
    light = np.where(is_object, images, 0).astype(float)
    total, area = light.sum(axis=(1, 2)), is_object.sum(axis=(1, 2))
    y, x = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    off_y, off_x = (light.sum(axis=2) @ y, light.sum(axis=1) @ x)
    sides = [_extent(np.any(is_object, axis=axis)) for axis in (1, 2)]
    return {
        "brightness": total / area.clip(1) / 255,
        "area": area / (height * width),
        "distance": np.hypot(off_y, off_x) / total.clip(1),
        "thickness": np.minimum(*sides).astype(float),
    }


def weak_slices(evaluation: Evaluation, images: np.ndarray) -> list[WeakSlice]:
    """The slices of `KINDS` with an accuracy below that of the other images by more than chance, the weakest first.

    The other images are weighted to the same mix of classes, so that a slice is not weak because it holds many shirts.
    The limit in standard errors is raised for the number of slices looked at (Bonferroni).

    Args:
        evaluation: Predictions of the images.
        images: (N, H, W), 0 black to 255 white, in the order of the evaluation.
    """
    found = []
    for kind, members in slice_members(images).items():
        result = _compare(evaluation, kind, members)
        if result is not None and result.standard_errors > limit():
            found.append(result)
    return sorted(found, key=lambda weak: weak.accuracy - weak.rest_accuracy)


def slice_members(images: np.ndarray) -> Mapping[SliceKind, np.ndarray]:
    """Which images are in each slice, bool (N,); images with the number of the border are not."""
    measures = image_measures(images)
    members = {}
    for kind in KINDS:
        values = measures[kind.measure] if kind.is_lowest else -measures[kind.measure]
        members[kind] = values < np.quantile(values, TENTH, method="higher")
    return members


def limit() -> float:
    """Standard errors above which a slice is weak: two-sided, divided over all kinds."""
    return NormalDist().inv_cdf(1 - SIGNIFICANCE / 2 / len(KINDS))


def _compare(evaluation: Evaluation, kind: SliceKind, members: np.ndarray) -> WeakSlice | None:
    """Compare a slice with the other images, class by class; ``None`` if it has too few images or errors expected."""
    classes = len(evaluation.class_names)
    inside, outside = (np.bincount(evaluation.labels[part], minlength=classes) for part in (members, ~members))
    right_inside, right_outside = (
        np.bincount(evaluation.labels[part & evaluation.correct], minlength=classes) for part in (members, ~members)
    )
    both = (inside > 0) & (outside > 0)  # classes that can be compared
    inside, outside = inside[both], outside[both]
    right_inside, right_outside = right_inside[both], right_outside[both]
    count = int(inside.sum())
    if count < FEWEST:
        return None
    expected = (right_outside / outside * inside).sum() / count
    pooled = (right_inside + right_outside) / (inside + outside)
    variance = (inside**2 * pooled * (1 - pooled) * (1 / inside + 1 / outside)).sum() / count**2
    if ((1 - pooled) * inside).sum() < 5 or variance == 0:
        return None
    accuracy = right_inside.sum() / count
    return WeakSlice(kind, count, float(accuracy), float(expected), float((expected - accuracy) / math.sqrt(variance)))


def _extent(filled: np.ndarray) -> np.ndarray:
    """Distance from the first to the last filled place of each row, both included: (N, places) to (N,)."""
    first, last = filled.argmax(axis=1), filled.shape[1] - filled[:, ::-1].argmax(axis=1)
    return np.where(filled.any(axis=1), last - first, 0)
