"""Everything that a report is made from, and nothing of how it was come by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.runs import History


@dataclass(frozen=True)
class Evidence:
    """A run and its test. Images are (N, 28, 28), 0 black to 255 white."""

    metrics: dict[str, Any]
    """As in metrics.json."""
    config: dict[str, Any]
    model_summary: str
    history: History
    """Empty where it is not known."""
    chosen_epoch: int | None
    """The epoch whose weights were tested, from 0."""
    evaluation: Evaluation
    """Of the test images."""
    test_images: np.ndarray
    train_images: np.ndarray
    """The first of the training set."""
    train_labels: np.ndarray
    changed_images: np.ndarray
    """What the run's augmentation made of the first training images (draws, N, 28, 28); no draws where it is off."""
    feature_maps: dict[str, np.ndarray]
    """Of the first test image, by convolution; empty for a network without."""
    first_filters: np.ndarray | None

    @property
    def class_names(self) -> list[str]:
        return self.evaluation.class_names

    def pair_examples(self, pair: Sequence[int], count: int) -> list[int]:
        """Positions of the most confident mistakes between two classes."""
        evaluation = self.evaluation
        of_pair = [i for i in evaluation.wrong if {evaluation.labels[i], evaluation.predictions[i]} == set(pair)]
        return [int(position) for position in of_pair[:count]]
