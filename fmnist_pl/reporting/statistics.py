"""Statistics of accuracies and losses: means over seeds, standard errors, intervals and tests."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
NORMAL_95 = 1.959964  # 95% of a normal distribution lie within this many standard deviations
LIMIT = 2.0  # standard errors of a finding; chance exceeds them in 5% of all cases


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


def wilson_interval(fraction: float, count: int) -> tuple[float, float]:
    """95% confidence interval of a fraction that was measured on ``count`` samples."""
    spread = NORMAL_95**2 / count
    middle = (fraction + spread / 2) / (1 + spread)
    half = math.sqrt(fraction * (1 - fraction) * spread + spread**2 / 4) / (1 + spread)
    return middle - half, middle + half


def mean_error(values: np.ndarray) -> float:
    """Standard error of the mean of (N,) values, above 0."""
    return float(max(values.std() / math.sqrt(len(values)), 1e-9))


def difference_error(first: np.ndarray, second: np.ndarray) -> float:
    """Standard error of the difference of two accuracies on different images, above 0.

    One success and one failure are added to each, so that accuracies of 0 and 1 have an error (Agresti & Caffo 2000).

    Args:
        first: bool (N,): whether each prediction is correct.
        second: The same for the other images; their number may differ.
    """
    variance = 0.0
    for correct in (first, second):
        count = len(correct) + 2
        fraction = (correct.sum() + 1) / count
        variance += fraction * (1 - fraction) / count
    return math.sqrt(variance)


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """Probability of at least this many successes, each with a probability of ``chance``, above 0 and below 1."""
    logarithms = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(chance) + (trials - k) * math.log1p(-chance)
        for k in range(successes, trials + 1)
    ]  # fmt: skip
    return math.fsum(map(math.exp, logarithms))


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
    half = NORMAL_95 * math.sqrt((only_first + only_second) / count - mean**2) / math.sqrt(count)
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
