"""The figures of a report: one list, in the order of the page.

A new figure is a plot function in `plots/` and an entry of `SECTIONS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.figures import FigureEntry
from fmnist_pl.reporting.plots.confusion import confusion_figure, f1_figure, reliability_figure
from fmnist_pl.reporting.plots.curves import learning_curves_figure
from fmnist_pl.reporting.plots.images import augmentation_figure, gallery_figure
from fmnist_pl.reporting.plots.network import feature_maps_figure, filters_figure
from fmnist_pl.reporting.runs import History

GALLERY = 25  # images in a gallery
NO_IMAGES = np.empty((0, 0, 0))


@dataclass(frozen=True)
class ReportInputs:
    """Inputs of the report, as arrays and plain data; images are (N, 28, 28), 0 black to 255 white.

    TensorBoard's figures need the first three fields only.
    """

    evaluation: Evaluation
    images: np.ndarray
    """The evaluated images, in the order of the evaluation."""
    subject: str = "test images"
    """What was evaluated, for titles."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Content of metrics.json."""
    config: dict[str, Any] = field(default_factory=dict)
    model_summary: str = ""
    history: History = ()
    """Metrics of each epoch; empty if unknown."""
    tested_epoch: int | None = None
    """Epoch of the tested weights, from 0; ``None`` if unknown."""
    train_evaluation: Evaluation | None = None
    """Evaluation of training images without augmentation, by the tested weights; ``None`` if unknown."""
    val_evaluation: Evaluation | None = None
    """Evaluation of validation images by the tested weights; ``None`` if there are none."""
    train_images: np.ndarray = field(default_factory=lambda: NO_IMAGES)
    """The first training images, without augmentation."""
    train_labels: np.ndarray = field(default_factory=lambda: NO_IMAGES)
    augmented_images: np.ndarray = field(default_factory=lambda: NO_IMAGES)
    """Augmented versions of the first training images (draws, N, 28, 28); no draws without augmentation."""
    feature_maps: dict[str, np.ndarray] = field(default_factory=dict)
    """Feature maps of the first evaluated image, by convolution; empty for a network without convolutions."""
    first_filters: np.ndarray | None = None
    """Weights of the first layer as images (filters, height, width)."""

    @property
    def class_names(self) -> list[str]:
        return self.evaluation.class_names


def _evaluated_images(inputs: ReportInputs, positions: Sequence[int], title: str) -> Figure:
    evaluation = inputs.evaluation
    captions = [evaluation.caption(i) for i in positions]
    marked = [not evaluation.correct[i] for i in positions]
    return gallery_figure(inputs.images[list(positions)], captions, f"{title}: {inputs.subject}", marked)


def _mistakes(inputs: ReportInputs) -> Figure | None:
    positions = inputs.evaluation.mistakes[:GALLERY].tolist()
    return _evaluated_images(inputs, positions, "Most confident mistakes") if positions else None


def _f1_per_class(inputs: ReportInputs) -> Figure:
    evaluation = inputs.evaluation
    f1 = [scores.f1 for scores in evaluation.per_class.values()]
    return f1_figure(f1, evaluation.class_names, evaluation.macro.f1)


def _reliability(inputs: ReportInputs) -> Figure:
    evaluation = inputs.evaluation
    return reliability_figure(evaluation.confidences, evaluation.correct, evaluation.calibration_error)


def _train_samples(inputs: ReportInputs) -> Figure:
    labels = [inputs.class_names[label] for label in inputs.train_labels]
    return gallery_figure(inputs.train_images, labels, "Training images")


def _augmented_samples(inputs: ReportInputs) -> Figure | None:
    augmented = inputs.augmented_images
    return augmentation_figure(inputs.train_images[: augmented.shape[1]], augmented) if len(augmented) else None


SECTIONS: dict[str, tuple[FigureEntry[ReportInputs], ...]] = {
    "Classes": (
        FigureEntry(
            "f1_per_class",
            "F1 is the harmonic mean of precision and recall.",
            _f1_per_class,
        ),
        FigureEntry(
            "confusion_matrix",
            "Rows: true class. Columns: predicted class. Cells: number of images and percentage of the true class.",
            lambda inputs: confusion_figure(
                inputs.evaluation.confusion, inputs.class_names, f"Confusion matrix: {inputs.subject}"
            ),
            in_tensorboard=True,
        ),
    ),
    "Hardest pairs": (),  # a table and examples, no figures
    "Predictions": (
        FigureEntry(
            "test_samples",
            "The first test images: predicted class, confidence, true class. Mistakes are orange and framed.",
            lambda inputs: _evaluated_images(inputs, range(min(GALLERY, len(inputs.images))), "Predictions"),
        ),
        FigureEntry(
            "mistakes",
            "The wrong predictions with the highest confidence.",
            _mistakes,
            missing="Every prediction is correct.",
            in_tensorboard=True,
        ),
    ),
    "Calibration": (
        FigureEntry(
            "reliability",
            "Well calibrated bars end on the dashed line: of the predictions with 80% confidence, 80% are correct.",
            _reliability,
        ),
    ),
    "Training": (
        FigureEntry(
            "learning_curves",
            "Training metrics are means over the epoch. They include the effects of augmentation, dropout, label "
            "smoothing and class weights. Validation metrics include none of these and are measured after the epoch.",
            lambda inputs: learning_curves_figure(inputs.history, inputs.tested_epoch) if inputs.history else None,
            missing="The checkpoint holds no training history.",
        ),
        FigureEntry("train_samples", "The first training images and their labels.", _train_samples),
        FigureEntry(
            "augmented_samples",
            "Training images, and augmented versions of them. The augmentation is new in every epoch.",
            _augmented_samples,
            missing="The run uses no augmentation (data.augment).",
        ),
    ),
    "Inside the network": (
        FigureEntry(
            "feature_maps",
            "Output of each convolution for the first test image. Bright is high; each layer has its own scale.",
            lambda inputs: feature_maps_figure(inputs.images[0], inputs.feature_maps) if inputs.feature_maps else None,
            missing="The network has no convolutions.",
        ),
        FigureEntry(
            "first_filters",
            "Weights of the first layer, one image per filter or unit.",
            lambda inputs: None if inputs.first_filters is None else filters_figure(inputs.first_filters),
            missing="The weights of the first layer do not have the shape of an image.",
        ),
    ),
}
"""Section of the page -> its figures."""

FIGURES = [entry for entries in SECTIONS.values() for entry in entries]
TENSORBOARD_FIGURES = [entry for entry in FIGURES if entry.in_tensorboard]
