"""Figures during the training, for all loggers; histograms, curves and embeddings for TensorBoard.

Import this module only where figures are logged: it imports matplotlib.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Generator, Tensor, stack
from torch.optim import Optimizer
from torch.utils.tensorboard import SummaryWriter

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.loader import normalise
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.figures import DrawnFigure, FigureEntry, draw_figures
from fmnist_pl.reporting.plots.images import augmentation_figure, gallery_figure
from fmnist_pl.reporting.plots.network import last_features
from fmnist_pl.reporting.report_figures import TENSORBOARD_FIGURES, ReportInputs
from fmnist_pl.training.predictions import PredictionBatches
from fmnist_pl.training.trackers import log_figures

TIME_FRACTION = 0.02  # fraction of the training time that figures may take
VALIDATION_TO_START = 6  # time to draw the figures of a validation, relative to those of the start
AUGMENTED, DRAWS = 8, 3  # images that show the augmentation, and augmented versions of each
EMBEDDED = 1000  # test images in the projector
PROJECTOR_FOLDER = "projector"


class LiveFigures(Callback):
    """Logs training images at the start, and the figures of a validation whenever there was time since the last ones.

    The time to draw figures decides when the next ones are due, so that they take 2% of any training.
    """

    def __init__(self) -> None:
        self._due_at = 0.0
        self._is_due = False
        self._batches = PredictionBatches()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        started = time.perf_counter()
        figures = draw_figures([_training_images(trainer.datamodule)], None)
        log_figures(trainer.loggers, "train", figures.values(), trainer.global_step)
        self._wait(VALIDATION_TO_START * (time.perf_counter() - started))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # all processes must agree, since they gather predictions together
        due = time.perf_counter() >= self._due_at and not trainer.sanity_checking
        self._is_due = bool(trainer.strategy.broadcast(due))
        self._batches.clear()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Any, batch_idx: int
    ) -> None:
        if self._is_due:
            self._batches.add(batch, outputs)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_due:
            return
        predictions = self._batches.gather(trainer)
        if trainer.is_global_zero:
            started = time.perf_counter()
            images = predictions.images(trainer.datamodule.val_data)[:, 0].numpy()
            subject = f"validation images, epoch {trainer.current_epoch + 1}"
            inputs = ReportInputs(predictions.evaluation, images, subject)
            figures = draw_figures(TENSORBOARD_FIGURES, inputs)
            log_figures(trainer.loggers, "val", figures.values(), trainer.global_step)
            self._wait(time.perf_counter() - started)

    def _wait(self, seconds: float) -> None:
        """Set the next figures due when ``seconds`` are a small fraction of the time since now."""
        self._due_at = time.perf_counter() + seconds / TIME_FRACTION


class Histograms(Callback):
    """Logs histograms of each parameter once an epoch, and of its gradient at the epoch's last step."""

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        if trainer.is_last_batch and trainer.is_global_zero:
            gradients = {name: p.grad for name, p in pl_module.named_parameters() if p.grad is not None}
            _log_histograms(trainer, "gradients", gradients)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            _log_histograms(trainer, "weights", dict(pl_module.named_parameters()))


def log_test(trainer: Trainer, figures: Mapping[str, DrawnFigure], evaluation: Evaluation, images: Tensor) -> None:
    """Log the results of a test: figures, precision-recall curves, and embeddings in the projector.

    Args:
        trainer: Trainer that has run the test.
        figures: Figures of the report, by name.
        evaluation: Evaluation of the test images.
        images: The test images, uint8 (N, 1, 28, 28), on the CPU.
    """
    shown = [figures[entry.name] for entry in TENSORBOARD_FIGURES]
    log_figures(trainer.loggers[:1], "test", shown, trainer.global_step)
    for label, name in enumerate(evaluation.class_names):
        is_class = (evaluation.labels == label).astype(np.int64)
        scores = evaluation.probabilities[:, label]
        trainer.loggers[0].experiment.add_pr_curve(f"test/{name}", is_class, scores, trainer.global_step)
    _log_embeddings(trainer, evaluation, images[:EMBEDDED])


def augmented_samples(data: FashionMNISTDataModule, images: Tensor) -> np.ndarray:
    """Augment the first training images several times.

    Args:
        data: Data module with the augmentation and its seed.
        images: Training images, uint8 (N, 1, 28, 28), on the CPU.

    Returns:
        float (draws, N, 28, 28), 0 to 255, N at most 8; no draws if the augmentation changes nothing. CutMix and
        mixup take the other image from these N.
    """
    originals = images[:AUGMENTED].float() / 255
    if data.augment == Augment():
        return np.empty((0, len(originals), *originals.shape[2:]))
    generator = Generator().manual_seed(data.seed)
    draws = [data.augment(originals, generator) for _ in range(DRAWS)]
    if data.augment.mixes:
        draws = [data.augment.mixture(draw, generator).mix_images(draw) for draw in draws]
    return stack(draws)[:, :, 0].numpy() * 255


def _training_images(data: FashionMNISTDataModule) -> FigureEntry[None]:
    """The augmented training images, or the training images if there is no augmentation."""
    images, labels = data.train_data.images[:AUGMENTED].cpu(), data.train_data.labels[:AUGMENTED].tolist()
    augmented, originals = augmented_samples(data, images), images[:, 0].numpy()
    if len(augmented):
        return FigureEntry("augmented", "", lambda _: augmentation_figure(originals, augmented))
    names = [CLASSES[label] for label in labels]
    return FigureEntry("images", "", lambda _: gallery_figure(originals, names, "Training images", columns=AUGMENTED))


def _log_embeddings(trainer: Trainer, evaluation: Evaluation, images: Tensor) -> None:
    model, names = trainer.lightning_module, evaluation.class_names
    pixels = images / 255
    features = last_features(model.network, normalise(pixels).to(model.device, model.dtype))
    if features is None:
        return
    metadata = [
        [names[label], names[prediction], "correct" if label == prediction else "wrong"]
        for label, prediction in zip(evaluation.labels[:EMBEDDED], evaluation.predictions, strict=False)
    ]
    # in its own folder, since TensorBoard writes four files
    with SummaryWriter(Path(trainer.loggers[0].log_dir, PROJECTOR_FOLDER)) as writer:
        header = ["label", "prediction", "result"]
        writer.add_embedding(features, metadata, pixels, trainer.global_step, metadata_header=header)


def _log_histograms(trainer: Trainer, group: str, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        values = tensor.detach().float().cpu()
        trainer.loggers[0].experiment.add_histogram(f"{group}/{name}", values, trainer.global_step)
