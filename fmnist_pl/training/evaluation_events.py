"""What a test showed, in TensorBoard: confusion matrix, mistakes, precision-recall curves, embedding projector."""

from pathlib import Path

import numpy as np
from lightning import Trainer
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from fmnist_pl.data.loader import normalise
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.insides import last_features
from fmnist_pl.training.event_pictures import show_evaluation

PROJECTED = 1000
"""Images in the projector."""

FOLDER = "projector"


def log_evaluation(trainer: Trainer, evaluation: Evaluation, images: Tensor) -> None:
    """Log a evaluation.

    Args:
        trainer: That has tested; its first logger is the run's.
        evaluation: Of the test images.
        images: The test images, uint8 (N, 1, 28, 28), on the CPU.
    """
    logger, step, names = trainer.loggers[0], trainer.global_step, evaluation.class_names
    for label, name in enumerate(names):
        is_it = (evaluation.labels == label).astype(np.int64)
        logger.experiment.add_pr_curve(f"test/{name}", is_it, evaluation.probabilities[:, label], step)
    show_evaluation(trainer, "test", evaluation, images, evaluation.confusion, "Test images")
    shown = images[:PROJECTED] / 255
    model = trainer.lightning_module
    features = last_features(model.network, normalise(shown).to(model.device))
    metadata = [
        [names[label], names[prediction], "right" if label == prediction else "wrong"]
        for label, prediction in zip(evaluation.labels[:PROJECTED], evaluation.predictions, strict=False)
    ]
    # in a folder of its own, since TensorBoard spreads four files
    with SummaryWriter(Path(logger.log_dir, FOLDER)) as writer:
        writer.add_embedding(features, metadata, shown, step, metadata_header=["label", "prediction", "is"])
