"""Patience of a search: it ends when its last trials gained no more than the noise of a trial's score."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.tuning.search import Search

TRIALS_OF_NOISE = 10  # best trials whose repeats are measured: the seeds of a bad learning rate differ much more
VALIDATION_IMAGES = "val_images"
"""Attribute of a trial: number of validation images of each of its trainings."""


@dataclass(frozen=True)
class Noise:
    """Noise of a trial's score, which is the mean over its folds and seeds."""

    value: float
    """Standard deviation of the score."""
    source: str
    """How the value was found, as a sentence."""


def is_out_of_patience(search: Search, trials: Sequence[FrozenTrial]) -> bool:
    """Whether the last ``search.patience`` trials gained no more than the noise.

    The trials alone decide, so that all workers and machines agree, and a resumed search too.
    """
    if search.patience is None:
        return False
    gained, noise = last_gain(trials, search.patience), score_noise(search, trials)
    return gained is not None and noise is not None and gained <= noise.value


def last_gain(trials: Sequence[FrozenTrial], count: int) -> float | None:
    """Increase of the best accuracy by the last trials, in the order in which they ended.

    Args:
        trials: Of a study whose one objective is the accuracy. Pruned trials count, and gain nothing. Failed trials
            do not count.
        count: Number of last trials.

    Returns:
        0 to 1; ``None`` if no trial was complete before them.
    """
    ended = sorted(measured(trials), key=lambda trial: (trial.datetime_complete or datetime.max, trial.number))
    before = _accuracies(ended[:-count])
    return max(_accuracies(ended)) - max(before) if before else None


def measured(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that are complete or pruned."""
    return [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def score_noise(search: Search, trials: Sequence[FrozenTrial]) -> Noise | None:
    """Noise of a trial's score: measured between its seeds if the search repeats trials, else of its images.

    Returns:
        ``None`` if no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = sorted(complete, key=lambda trial: -_accuracies([trial])[0])[:TRIALS_OF_NOISE]
    if search.repeats > 1:
        return _noise_between_seeds(search, best)
    return _noise_of_images(search, best[0]) if best else None


def _noise_between_seeds(search: Search, best: Sequence[FrozenTrial]) -> Noise | None:
    """Pooled standard deviation between the seeds of each trial, of the mean over them."""
    folds, repeats = search.folds or 1, search.repeats
    scores = [trial.user_attrs.get("scores", []) for trial in best]
    variances = [
        statistics.variance(statistics.mean(own[first : first + folds]) for first in range(0, len(own), folds))
        for own in scores
        if len(own) == folds * repeats
    ]
    if not variances:
        return None
    deviation = math.sqrt(statistics.mean(variances))
    of_mean = deviation / math.sqrt(repeats)
    return Noise(of_mean, f"seeds differ by {deviation:.4f}, means of {repeats} seeds by {of_mean:.4f}")


def _noise_of_images(search: Search, best: FrozenTrial) -> Noise | None:
    """Standard error of an accuracy, which is a fraction of so many images (binomial)."""
    images = best.user_attrs.get(VALIDATION_IMAGES)
    if not images:
        return None  # the trial is of a version that did not count them
    images *= search.folds or 1
    accuracy = min(max(_accuracies([best])[0], 0.0), 1.0)
    error = math.sqrt(accuracy * (1 - accuracy) / images)
    return Noise(error, f"the standard error of {accuracy:.4f} on {images:,} images is {error:.4f}")


def _accuracies(trials: Sequence[FrozenTrial]) -> list[float]:
    return [trial.values[0] for trial in trials if trial.state == TrialState.COMPLETE]
