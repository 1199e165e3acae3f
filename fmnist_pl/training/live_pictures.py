"""Pictures in TensorBoard while a run trains: the images it sees, the confusion matrix, the mistakes."""

import time
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fmnist_pl.data.facts import class_names
from fmnist_pl.training.run_report import CHANGED, augmented

SHARE = 0.01
"""Of the time of a training that pictures may take, after those of the first validation."""

MISTAKES = 25


class LivePictures(Callback):
    """Draws at the start, and after a validation unless the last drawing was too short a while ago.

    How long the while is depends on how long the drawing took, so that the pictures cost a small part of any training,
    be its epochs of seconds or hours.
    """

    def __init__(self) -> None:
        self._due_at = 0.0
        self._batches: list[tuple[Tensor, Tensor]] = []
        self._is_due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        from fmnist_pl.reporting.galleries import changes_figure, gallery_figure

        data = trainer.datamodule
        images, labels = data.train_data.images[:CHANGED].cpu(), data.train_data.labels[:CHANGED].tolist()
        changed, originals = augmented(data, images), images[:, 0].numpy()
        if len(changed):
            self._show(trainer, "train/augmented", changes_figure, originals, changed[:, :, 0].numpy(), "Augmentation")
        else:
            names = [class_names(pl_module.num_classes)[label] for label in labels]
            self._show(trainer, "train/images", gallery_figure, originals, names, "Training images", columns=CHANGED)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # all ranks must agree, since they count together
        due = time.perf_counter() >= self._due_at and not trainer.sanity_checking
        self._is_due = bool(trainer.strategy.broadcast(due))
        self._batches.clear()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Any, batch_idx: int
    ) -> None:
        if self._is_due:
            self._batches.append((batch[1], outputs.detach().clone()))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_due:
            return
        labels, logits = (torch.cat(parts) for parts in zip(*self._batches, strict=True))
        classes = logits.shape[1]
        counts = torch.bincount(labels * classes + logits.argmax(dim=1), minlength=classes**2)
        confusion = trainer.strategy.reduce(counts, reduce_op="sum").view(classes, classes)
        if trainer.is_global_zero:
            started = time.perf_counter()
            self._draw_validation(trainer, confusion.cpu(), labels.cpu(), logits.cpu())
            spent = time.perf_counter() - started
            self._due_at = time.perf_counter() + spent / SHARE

    def _draw_validation(self, trainer: Trainer, confusion: Tensor, labels: Tensor, logits: Tensor) -> None:
        from fmnist_pl.reporting.confusion import confusion_figure
        from fmnist_pl.reporting.galleries import gallery_figure
        from fmnist_pl.reporting.judgement import Judgement

        judgement = Judgement(labels.numpy(), logits.double().softmax(dim=1).numpy(), class_names(logits.shape[1]))
        title = f"Validation images, epoch {trainer.current_epoch + 1}"
        self._show(trainer, "val/confusion_matrix", confusion_figure, confusion.numpy(), judgement.class_names, title)
        wrong = judgement.wrong[:MISTAKES]
        if not len(wrong):
            return
        positions = torch.cat(trainer.val_dataloaders.batch_indices()).cpu()[wrong]
        data = trainer.datamodule.val_data
        images = data.images[positions.to(data.images.device)][:, 0].cpu().numpy()
        captions = [judgement.caption(i) for i in wrong]
        self._show(trainer, "val/mistakes", gallery_figure, images, captions, f"{title}: most confidently wrong")

    def _show(self, trainer: Trainer, tag: str, draw: Any, *args: Any, **options: Any) -> None:
        from fmnist_pl.reporting.style import picture_style

        with picture_style():
            trainer.loggers[0].experiment.add_figure(tag, draw(*args, **options), trainer.global_step)
