"""Figures as TensorBoard events."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning import Trainer
from torch import Tensor

from fmnist_pl.reporting.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISTAKES = 25


def show(trainer: Trainer, tag: str, draw: "Callable[..., Figure]", *args: Any, **options: Any) -> None:
    """Log a figure to the run's events.

    Args:
        trainer: Its first logger is the run's.
        tag: Name of the picture.
        draw: Makes the figure from the other arguments.
        args: Of ``draw``.
        options: Of ``draw``.
    """
    from fmnist_pl.reporting.style import picture_style

    with picture_style():
        trainer.loggers[0].experiment.add_figure(tag, draw(*args, **options), trainer.global_step)


def show_evaluation(
    trainer: Trainer, stage: str, evaluation: Evaluation, images: Tensor, confusion: np.ndarray, title: str
) -> None:
    """Log the confusion matrix, and the mistakes that the network is most sure of, if it makes any.

    Args:
        trainer: Its first logger is the run's.
        stage: Before the names of the pictures.
        evaluation: Of predictions.
        images: What was judged, uint8 (N, 1, 28, 28), on any device.
        confusion: int (classes, classes); of more images than those, where other processes saw the rest.
        title: Of both pictures.
    """
    # a training without pictures needs none of the drawing
    from fmnist_pl.reporting.confusion import confusion_figure
    from fmnist_pl.reporting.galleries import gallery_figure

    show(trainer, f"{stage}/confusion_matrix", confusion_figure, confusion, evaluation.class_names, title)
    wrong = evaluation.wrong[:MISTAKES]
    if len(wrong):
        shown = images[wrong.tolist()][:, 0].cpu().numpy()
        captions = [evaluation.caption(position) for position in wrong]
        show(trainer, f"{stage}/mistakes", gallery_figure, shown, captions, f"{title}: most confidently wrong")
