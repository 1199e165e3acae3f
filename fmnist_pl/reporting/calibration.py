"""Figure of whether predictions are as often right as they are sure."""

import numpy as np
from matplotlib.figure import Figure

from fmnist_pl.reporting.evaluation import BINS
from fmnist_pl.reporting.style import BLUE, GREY, ORANGE


def reliability_figure(confidences: np.ndarray, correct: np.ndarray, calibration_error: float) -> Figure:
    """Accuracy over confidence, in bins, and how many images are in each.

    Args:
        confidences: Probability of each prediction, (N,).
        correct: Whether it is right, bool (N,).
        calibration_error: The expected one, for the title.
    """
    edges = np.linspace(0, 1, BINS + 1)
    # a bin holds its upper edge, as torchmetrics counts
    place = (np.searchsorted(edges, confidences, side="left") - 1).clip(0, BINS - 1)
    count = np.bincount(place, minlength=BINS)
    accuracy, confidence = (
        np.bincount(place, weights=values, minlength=BINS) / count.clip(1) for values in (correct, confidences)
    )
    figure = Figure(figsize=(6, 5.6))
    upper, lower = figure.subplots(2, height_ratios=(3, 1), sharex=True)
    filled = count > 0
    upper.bar(edges[:-1][filled], accuracy[filled], 1 / BINS, align="edge", color=BLUE, edgecolor="white")
    upper.plot([0, 1], [0, 1], "--", color="black", label="as right as sure")
    upper.plot(confidence[filled], accuracy[filled], "o", color=ORANGE, label="at the bin's mean confidence")
    upper.set(ylabel="accuracy", ylim=(0, 1.02), xlim=(0, 1))
    upper.set_title(f"Reliability: expected calibration error {calibration_error:.3f}")
    upper.legend(loc="upper left")
    lower.bar(edges[:-1], count, 1 / BINS, align="edge", color=GREY, edgecolor="white")
    lower.set(xlabel="confidence", ylabel="images")
    return figure
