"""How good predictions are: every number of the report, from labels and probabilities."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torchmetrics.functional.classification as figures_of

BINS = 15
"""Of the calibration error, as in Guo et al. 2017."""

NORMAL_95 = 1.959964
"""Within so many standard deviations lie 95% of a normal distribution."""


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 of a class or of an average, each 0 to 1, and the images behind them."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """Labels int64 (N,) against probabilities float (N, classes), N at least 1."""

    labels: np.ndarray
    probabilities: np.ndarray
    class_names: list[str]

    @cached_property
    def predictions(self) -> np.ndarray:
        """The most probable class of each image, int64 (N,)."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidences(self) -> np.ndarray:
        """The probability of each prediction, (N,)."""
        return self.probabilities.max(axis=1)

    @cached_property
    def wrong(self) -> np.ndarray:
        """Positions of the wrong predictions, the most confident first, int64 (W,)."""
        (positions,) = (self.predictions != self.labels).nonzero()
        return positions[np.argsort(-self.confidences[positions], kind="stable")]

    @cached_property
    def confusion(self) -> np.ndarray:
        """Images by true class (rows) and predicted class (columns), int64 (classes, classes)."""
        return figures_of.multiclass_confusion_matrix(*self._tensors(), num_classes=len(self.class_names)).numpy()

    @property
    def accuracy(self) -> float:
        return float((self.predictions == self.labels).mean())

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95% interval of the accuracy, by Wilson 1927: what other images of the same kind would give."""
        return wilson_interval(self.accuracy, len(self.labels))

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        of_the_label = self.probabilities[np.arange(len(self.labels)), self.labels]
        return float(-np.log(of_the_label.clip(np.finfo(float).tiny)).mean())

    @property
    def top2_accuracy(self) -> float:
        """Part of the images whose class is among the two most probable."""
        return float(self._figure(figures_of.multiclass_accuracy, average="micro", top_k=2))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: how far confidence and accuracy lie apart, over 15 bins of confidence."""
        return float(self._figure(figures_of.multiclass_calibration_error, n_bins=BINS, norm="l1"))

    @cached_property
    def per_class(self) -> dict[str, Scores]:
        """The scores of each class; 0 where nothing is there to divide by, as scikit-learn with zero_division=0."""
        counts = figures_of.multiclass_stat_scores(*self._tensors(), num_classes=len(self.class_names), average=None)
        return {
            name: Scores(_ratio(tp, tp + fp), _ratio(tp, tp + fn), _ratio(2 * tp, 2 * tp + fp + fn), support)
            for name, (tp, fp, _, fn, support) in zip(self.class_names, counts.tolist(), strict=True)
        }

    @property
    def macro(self) -> Scores:
        """The mean over all classes."""
        return self._average([1] * len(self.class_names))

    @property
    def weighted(self) -> Scores:
        """The mean over all classes, each as heavy as it has images."""
        return self._average([scores.support for scores in self.per_class.values()])

    def caption(self, position: int) -> str:
        """What an image was taken for, how surely, and what it is, in two lines."""
        predicted, true = (self.class_names[which[position]] for which in (self.predictions, self.labels))
        return f"{predicted} {self.confidences[position]:.0%}\n(true: {true})"

    def as_dict(self) -> dict[str, Any]:
        """All numbers as plain data, for metrics.json."""
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

    def _figure(self, function: Any, **options: Any) -> torch.Tensor:
        probabilities, labels = torch.from_numpy(self.probabilities), torch.from_numpy(self.labels)
        return function(probabilities, labels, num_classes=len(self.class_names), **options)


def wilson_interval(rate: float, count: int) -> tuple[float, float]:
    """Between which rates the true one lies, with 95% confidence, after ``rate`` was seen in ``count`` draws."""
    spread = NORMAL_95**2 / count
    middle = (rate + spread / 2) / (1 + spread)
    half = math.sqrt(rate * (1 - rate) * spread + spread**2 / 4) / (1 + spread)
    return middle - half, middle + half


def hardest_pairs(confusion: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The pairs of classes that are most often taken for each other, most errors first; only pairs with errors."""
    errors = confusion + confusion.T
    pairs = [(a, b) for a in range(len(errors)) for b in range(a + 1, len(errors)) if errors[a, b]]
    return sorted(pairs, key=lambda pair: -errors[pair])[:count]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, 6)
