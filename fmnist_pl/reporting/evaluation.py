"""Metrics of predictions, from labels and probabilities."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torchmetrics.functional.classification as tm

from fmnist_pl.reporting.statistics import wilson_interval

BINS = 15  # bins of the calibration error, as in Guo et al. 2017


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 (0 to 1) of a class or an average, and the number of images."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """Predictions compared with labels: int64 (N,) labels, float (N, classes) probabilities, N at least 1."""

    labels: np.ndarray
    probabilities: np.ndarray
    class_names: list[str]

    @cached_property
    def predictions(self) -> np.ndarray:
        """Most probable class of each image, int64 (N,)."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidences(self) -> np.ndarray:
        """Probability of each prediction, (N,)."""
        return self.probabilities.max(axis=1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each prediction is correct, bool (N,)."""
        return self.predictions == self.labels

    @cached_property
    def mistakes(self) -> np.ndarray:
        """Positions of the wrong predictions, the most confident first, int64 (M,)."""
        (positions,) = np.nonzero(~self.correct)
        return positions[np.argsort(-self.confidences[positions], kind="stable")]

    @cached_property
    def confusion(self) -> np.ndarray:
        """Number of images by true class (rows) and predicted class (columns), int64 (classes, classes)."""
        return tm.multiclass_confusion_matrix(*self._tensors(), num_classes=len(self.class_names)).numpy()

    @property
    def accuracy(self) -> float:
        """Fraction of correct predictions."""
        return float(self.correct.mean())

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """95% interval of the accuracy over other images of the same kind (Wilson 1927)."""
        return wilson_interval(self.accuracy, len(self.labels))

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each image, (N,)."""
        label_probabilities = self.probabilities[np.arange(len(self.labels)), self.labels]
        losses: np.ndarray = -np.log(label_probabilities.clip(np.finfo(float).tiny))
        return losses

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return float(self.losses.mean())

    @property
    def top2_accuracy(self) -> float:
        """Fraction of images whose class is among the two most probable classes."""
        return self._from_probabilities(tm.multiclass_accuracy, average="micro", top_k=2)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over 15 bins of confidence."""
        return self._from_probabilities(tm.multiclass_calibration_error, n_bins=BINS, norm="l1")

    @cached_property
    def per_class(self) -> dict[str, Scores]:
        """Scores of each class; 0 where the denominator is 0, as in scikit-learn with ``zero_division=0``."""
        counts = tm.multiclass_stat_scores(*self._tensors(), num_classes=len(self.class_names), average=None)
        return {
            name: Scores(_ratio(tp, tp + fp), _ratio(tp, tp + fn), _ratio(2 * tp, 2 * tp + fp + fn), support)
            for name, (tp, fp, _, fn, support) in zip(self.class_names, counts.tolist(), strict=True)
        }

    @property
    def macro(self) -> Scores:
        """Mean over the classes."""
        return self._average([1] * len(self.class_names))

    @property
    def weighted(self) -> Scores:
        """Mean over the classes, weighted by their number of images."""
        return self._average([scores.support for scores in self.per_class.values()])

    def caption(self, position: int) -> str:
        """Prediction, confidence and true class of an image, in two lines."""
        predicted, true = (self.class_names[classes[position]] for classes in (self.predictions, self.labels))
        return f"{predicted} {self.confidences[position]:.0%}\n(true: {true})"

    def mistakes_between(self, pair: Collection[int], count: int) -> list[int]:
        """Positions of the most confident mistakes between two classes, at most ``count``."""
        classes = set(pair)
        between = [i for i in self.mistakes.tolist() if {int(self.labels[i]), int(self.predictions[i])} == classes]
        return between[:count]

    def as_dict(self) -> dict[str, Any]:
        """All metrics as plain data, for metrics.json."""
        low, high = self.accuracy_interval
        numbers = {
            "acc": self.accuracy,
            "loss": self.loss,
            "acc_low": low,
            "acc_high": high,
            "top2": self.top2_accuracy,
            "ece": self.calibration_error,
        }
        scores = {"macro": self.macro, "weighted": self.weighted, **self.per_class}
        plain = {name: {key: _rounded(value) for key, value in vars(s).items()} for name, s in scores.items()}
        averages = {name: plain.pop(name) for name in ("macro", "weighted")}
        return {
            **{name: _rounded(value) for name, value in numbers.items()},
            "images": len(self.labels),
            **averages,
            "classes": plain,
        }

    def _average(self, weights: list[int]) -> Scores:
        columns = np.array([[s.precision, s.recall, s.f1] for s in self.per_class.values()])
        precision, recall, f1 = np.average(columns, axis=0, weights=weights).tolist()
        return Scores(precision, recall, f1, len(self.labels))

    def _tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.predictions), torch.from_numpy(self.labels)

    def _from_probabilities(self, metric: Callable[..., torch.Tensor], **options: Any) -> float:
        probabilities, labels = torch.from_numpy(self.probabilities), torch.from_numpy(self.labels)
        return float(metric(probabilities, labels, num_classes=len(self.class_names), **options))


def hardest_pairs(confusion: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Pairs of classes with the most mistakes between them, most first; pairs without mistakes are left out."""
    errors = confusion + confusion.T
    pairs = [(a, b) for a in range(len(errors)) for b in range(a + 1, len(errors)) if errors[a, b]]
    return sorted(pairs, key=lambda pair: -errors[pair])[:count]


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, 6)
