"""Find images whose label may be wrong, by the rule of confident learning (Northcutt et al. 2021, arXiv:1911.00068)."""

from dataclasses import dataclass

import numpy as np

from fmnist_pl.reporting.evaluation import Evaluation

SURE_ACCURACY = 0.97  # accuracy of the sure predictions from which they can cast doubt on a label
LARGEST_PROBABILITY = 0.05  # of a doubtful label


@dataclass(frozen=True)
class DoubtfulLabels:
    """Images with a doubtful label."""

    positions: list[int]
    """Positions of the images, the surest prediction first."""
    sure: int
    """Number of sure predictions."""
    accuracy: float
    """Accuracy of the sure predictions; 0 if there are none."""


def doubtful_labels(evaluation: Evaluation) -> DoubtfulLabels:
    """Find labels that a sure prediction contradicts.

    A prediction is sure if its probability is at least the mean probability that the images of its class have for
    their label. A label is doubtful if a sure prediction differs from it and gives it a probability of at most 0.05. No
    label is doubted if fewer than 97% of the sure predictions are correct: then it is the classifier that is wrong.
    """
    labels, predictions = evaluation.labels, evaluation.predictions
    of_label = evaluation.probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=len(evaluation.class_names))
    usual = np.bincount(labels, weights=of_label, minlength=len(counts)) / counts.clip(1)
    sure = (evaluation.confidences >= usual[predictions]) & (counts[predictions] > 0)
    accuracy = float(evaluation.correct[sure].mean()) if sure.any() else 0.0
    doubtful = sure & (of_label <= LARGEST_PROBABILITY)
    positions = [i for i in evaluation.mistakes.tolist() if doubtful[i]] if accuracy >= SURE_ACCURACY else []
    return DoubtfulLabels(positions, int(sure.sum()), accuracy)
