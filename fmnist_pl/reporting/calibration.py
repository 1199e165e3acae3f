"""Whether the confidence of a classifier is right: what chance gives, and the temperature that corrects it."""

import numpy as np

from fmnist_pl.reporting.evaluation import BINS, Evaluation

DRAWS = 200  # simulated sets of predictions
TEMPERATURES = np.exp(np.linspace(np.log(0.25), np.log(4), 113))  # steps of 2.5%


def calibration_error_by_chance(confidences: np.ndarray, quantile: float = 0.95, seed: int = 0) -> float:
    """Calibration error that a perfectly calibrated classifier exceeds in 1 - ``quantile`` of all sets of images.

    Consistency resampling (Broecker & Smith 2007; Vaicenavicius et al. 2019): each prediction is correct with the
    probability of its confidence. The calibration error of a finite set of images is above 0 even then.

    Args:
        confidences: Probability of each prediction, float (N,).
        quantile: Of the simulated calibration errors.
        seed: Of the simulation.
    """
    random = np.random.default_rng(seed)
    bins = np.ceil(confidences * BINS).astype(int).clip(1, BINS) - 1
    errors = []
    for _ in range(DRAWS):
        correct = random.random(len(confidences)) < confidences
        errors.append(np.abs(np.bincount(bins, weights=confidences - correct)).sum() / len(confidences))
    return float(np.quantile(errors, quantile))


def fitted_temperature(evaluation: Evaluation) -> float:
    """The number from 0.25 to 4 that gives the lowest loss when all logits are divided by it (Guo et al. 2017)."""
    return float(min(TEMPERATURES, key=lambda temperature: with_temperature(evaluation, temperature).loss))


def with_temperature(evaluation: Evaluation, temperature: float) -> Evaluation:
    """The same predictions with all logits divided by a temperature: above 1, less confident."""
    # the logarithms of probabilities are logits, up to a constant of each image
    logits = np.log(evaluation.probabilities.clip(np.finfo(float).tiny)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Evaluation(evaluation.labels, powers / powers.sum(axis=1, keepdims=True), evaluation.class_names)
