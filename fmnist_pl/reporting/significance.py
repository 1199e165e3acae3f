"""Standard errors and tests that keep noise from being called a finding."""

import math

import numpy as np

from fmnist_pl.reporting.evaluation import Evaluation

LIMIT = 2.0  # standard errors; chance exceeds them in 5% of all cases


def difference_error(first: Evaluation, second: Evaluation) -> float:
    """Standard error of the difference of two accuracies on different images, above 0.

    One success and one failure are added to each, so that accuracies of 0 and 1 have an error (Agresti & Caffo 2000).
    """
    variance = 0.0
    for evaluation in (first, second):
        count = len(evaluation.labels) + 2
        fraction = (evaluation.correct.sum() + 1) / count
        variance += fraction * (1 - fraction) / count
    return math.sqrt(variance)


def mean_error(values: np.ndarray) -> float:
    """Standard error of the mean of (N,) values, above 0."""
    return float(max(values.std() / math.sqrt(len(values)), 1e-9))


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """Probability of at least this many successes, each with a probability of ``chance``, above 0 and below 1."""
    logarithms = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(chance) + (trials - k) * math.log1p(-chance)
        for k in range(successes, trials + 1)
    ]  # fmt: skip
    return math.fsum(map(math.exp, logarithms))
