"""Pictures in TensorBoard while a run trains: the images it sees, the confusion matrix, the mistakes."""

import time
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.training.event_pictures import show, show_evaluation
from fmnist_pl.training.report import CHANGED, augmented

SHARE = 0.02
"""Of the time of a training that pictures may take."""

AS_LONG_AS_THE_START = 6
"""The pictures of a validation take about so many times as long as those of the start."""


class LiveFigures(Callback):
    """Draws at the start, and after each validation for which there has been time enough since the last drawing.

    How much is enough depends on how long a drawing takes, so that the pictures cost a small part of any training, be
    its epochs of seconds or hours.
    """

    def __init__(self) -> None:
        self._due_at = 0.0
        self._batches: list[tuple[Tensor, Tensor, Tensor]] = []
        self._is_due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        from fmnist_pl.reporting.galleries import changes_figure, gallery_figure

        started = time.perf_counter()
        data = trainer.datamodule
        images, labels = data.train_data.images[:CHANGED].cpu(), data.train_data.labels[:CHANGED].tolist()
        changed, originals = augmented(data, images), images[:, 0].numpy()
        if len(changed):
            show(trainer, "train/augmented", changes_figure, originals, changed[:, :, 0].numpy(), "Augmentation")
        else:
            names = [CLASSES[label] for label in labels]
            show(trainer, "train/images", gallery_figure, originals, names, "Training images", columns=CHANGED)
        self._wait(AS_LONG_AS_THE_START * (time.perf_counter() - started))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # all ranks must agree, since they count together
        due = time.perf_counter() >= self._due_at and not trainer.sanity_checking
        self._is_due = bool(trainer.strategy.broadcast(due))
        self._batches.clear()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Any, batch_idx: int
    ) -> None:
        if self._is_due:
            self._batches.append((batch.positions, batch.labels, outputs.detach().clone()))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_due:
            return
        positions, labels, logits = (torch.cat(parts) for parts in zip(*self._batches, strict=True))
        classes = logits.shape[1]
        counts = torch.bincount(labels * classes + logits.argmax(dim=1), minlength=classes**2)
        confusion = trainer.strategy.reduce(counts, reduce_op="sum").view(classes, classes)
        if trainer.is_global_zero:
            started = time.perf_counter()
            probabilities = logits.double().softmax(dim=1).cpu().numpy()
            evaluation = Evaluation(labels.cpu().numpy(), probabilities, list(CLASSES))
            data = trainer.datamodule.val_data
            images = data.images[positions.to(data.images.device)]
            title = f"Validation images, epoch {trainer.current_epoch + 1}"
            show_evaluation(trainer, "val", evaluation, images, confusion.cpu().numpy(), title)
            self._wait(time.perf_counter() - started)

    def _wait(self, seconds: float) -> None:
        """Draw no more until so many seconds are a small part of the time that has passed."""
        self._due_at = time.perf_counter() + seconds / SHARE
