"""The pictures of a report: which there are, what each says, how each is drawn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from fmnist_pl.reporting.calibration import reliability_figure
from fmnist_pl.reporting.confusion import confusion_figure, f1_figure
from fmnist_pl.reporting.curves import learning_curves_figure
from fmnist_pl.reporting.evidence import Evidence
from fmnist_pl.reporting.galleries import changes_figure, gallery_figure
from fmnist_pl.reporting.insides import feature_maps_figure, filters_figure
from fmnist_pl.reporting.picture_files import Picture

GALLERY = 25


def pictures_of(evidence: Evidence) -> dict[str, Picture]:
    """The pictures that there is evidence for, by the name of their files."""
    evaluation, names = evidence.evaluation, evidence.class_names
    f1 = [scores.f1 for scores in evaluation.per_class.values()]
    correct = evaluation.predictions == evaluation.labels
    pictures = {
        "confusion_matrix": Picture(
            "Rows are what the images show, columns what they were taken for: images, and percent of the row.",
            lambda: confusion_figure(evaluation.confusion, names),
        ),
        "f1_per_class": Picture(
            "F1 is the harmonic mean of precision and recall.",
            lambda: f1_figure(f1, names, evaluation.macro.f1),
        ),
        "reliability": Picture(
            "Bars on the dashed line: of the predictions made with 80% confidence, 80% are right.",
            lambda: reliability_figure(evaluation.confidences, correct, evaluation.calibration_error),
        ),
        "test_samples": Picture(
            "The first test images: what they were taken for, and what they are; wrong ones are orange and framed.",
            lambda: _test_gallery(evidence, range(min(GALLERY, len(correct))), "Test images"),
        ),
        "train_samples": Picture(
            "The first training images and their labels.",
            lambda: gallery_figure(
                evidence.train_images, [names[label] for label in evidence.train_labels], "Training images"
            ),
        ),
    }
    if len(evaluation.wrong):
        pictures["most_confidently_wrong"] = Picture(
            "The mistakes that the network was most sure of, with its confidence.",
            lambda: _test_gallery(evidence, evaluation.wrong[:GALLERY], "Most confidently wrong"),
        )
    if evidence.history:
        pictures["learning_curves"] = Picture(
            "Training figures are means over the epoch, with whatever the training adds to the loss (label smoothing, "
            "class weights) and changes at random; validation figures are plain, after the epoch.",
            lambda: learning_curves_figure(evidence.history, evidence.chosen_epoch),
        )
    if len(evidence.changed_images):
        originals = evidence.train_images[: evidence.changed_images.shape[1]]
        pictures["augmented_samples"] = Picture(
            "Training images as they are, and as the network sees them: changed anew in every epoch.",
            lambda: changes_figure(originals, evidence.changed_images, "Augmentation"),
        )
    if evidence.feature_maps:
        pictures["feature_maps"] = Picture(
            "What each convolution makes of the first test image; bright is high, one scale for each layer.",
            lambda: feature_maps_figure(evidence.test_images[0], evidence.feature_maps),
        )
    filters = evidence.first_filters
    if filters is not None:
        pictures["first_filters"] = Picture(
            "What the first layer looks for, one picture for each filter or unit.", lambda: filters_figure(filters)
        )
    return pictures


def _test_gallery(evidence: Evidence, positions: Sequence[int] | np.ndarray, title: str) -> Figure:
    evaluation = evidence.evaluation
    return gallery_figure(
        evidence.test_images[positions],
        [evaluation.caption(i) for i in positions],
        title,
        marked=[bool(evaluation.predictions[i] != evaluation.labels[i]) for i in positions],
    )
