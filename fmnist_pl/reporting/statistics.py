"""Statistics of accuracies: over seeds, and of two recipes on the same images."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
Z_95 = 1.96
"""Half of a 95% interval of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Difference:
    """How much more accurate a recipe is than another on the same images, with a 95% interval."""

    mean: float
    low: float
    high: float
    method: str

    @property
    def is_significant(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def mean_and_sd(values: Sequence[float], form: str = ".4f") -> str:
    """Format mean and sample standard deviation (n - 1) as ``0.9274 ± 0.0019``; one value has no deviation.

    Args:
        values: At least one.
        form: Format of a number; its sign, if it has one (``+.4f``), is for the mean alone.
    """
    sd = f" ± {statistics.stdev(values):{form.lstrip('+')}}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{form}}{sd}"


def paired_difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two recipes on the same images.

    One run of each: McNemar's test (1947), as the interval of Agresti and Min (2005) for the difference of two paired
    proportions. More runs: a bootstrap of images and of seeds (Efron and Tibshirani 1993), with fixed random numbers.

    Args:
        first: bool (seeds, images): whether each run of the first recipe is right.
        second: The same of the second recipe; its number of seeds may differ.
    """
    if len(first) == len(second) == 1:
        return _mcnemar(first[0], second[0])
    return _bootstrap(first.astype(np.float32), second.astype(np.float32))


def _mcnemar(first: np.ndarray, second: np.ndarray) -> Difference:
    count = len(first) + 2  # half an image is added to each of the four cells
    only_first, only_second = (first & ~second).sum() + 0.5, (second & ~first).sum() + 0.5
    mean = (only_first - only_second) / count
    half = Z_95 * math.sqrt((only_first + only_second) / count - mean**2) / math.sqrt(count)
    return Difference(float(first.mean() - second.mean()), mean - half, mean + half, "McNemar")


def _bootstrap(first: np.ndarray, second: np.ndarray) -> Difference:
    generator = np.random.default_rng(0)
    images = first.shape[1]
    differences = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        weights = np.bincount(generator.integers(images, size=images), minlength=images).astype(np.float32)
        means = [
            (runs @ weights)[generator.integers(len(runs), size=len(runs))].mean() / images for runs in (first, second)
        ]
        differences[number] = means[0] - means[1]
    low, high = np.quantile(differences, [0.025, 0.975])
    return Difference(float(first.mean() - second.mean()), float(low), float(high), "bootstrap over images and seeds")
