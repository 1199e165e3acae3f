"""Logits of the test images, collected over all batches and processes, and their evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import Batch, LabelledImages
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.training.run_folder import run_folder


@dataclass(frozen=True)
class Predictions:
    """Predictions of images, in the order of their data set, on the CPU."""

    positions: Tensor
    """int64 (N,), positions in the data set."""
    labels: Tensor
    """int64 (N,)."""
    logits: Tensor
    """float (N, classes)."""

    @cached_property
    def evaluation(self) -> Evaluation:
        """Metrics of the predictions, computed once."""
        # in double precision, so that different logits stay different probabilities
        probabilities = self.logits.double().softmax(dim=1).numpy()
        return Evaluation(self.labels.numpy(), probabilities, list(CLASSES))

    def images(self, data: LabelledImages) -> Tensor:
        """Select the predicted images from their data set: uint8 (N, 1, 28, 28), on the CPU."""
        return data.images[self.positions.to(data.images.device)].cpu()


class PredictionBatches:
    """Collects the logits of the batches that this process evaluates."""

    def __init__(self) -> None:
        self._batches: list[tuple[Tensor, Tensor, Tensor]] = []

    def clear(self) -> None:
        self._batches.clear()

    def add(self, batch: Batch, logits: Tensor) -> None:
        # a copy: a network run as a CUDA graph writes its next output into the same memory
        self._batches.append((batch.positions, batch.labels, logits.detach().clone()))

    def gather(self, trainer: Trainer) -> Predictions:
        """Join the batches of all processes; every process must call it after the same number of batches."""
        columns = [torch.cat(column) for column in zip(*self._batches, strict=True)]
        self.clear()
        positions, labels, logits = (_of_all_processes(trainer, column) for column in columns)
        order = positions.argsort()
        return Predictions(positions[order], labels[order], logits[order])


class CollectPredictions(Callback):
    """Collects the predictions of a test; `predictions` returns them when it has ended."""

    def __init__(self) -> None:
        self._batches = PredictionBatches()
        self._predictions: Predictions | None = None

    @property
    def predictions(self) -> Predictions:
        """Predictions of the last test, each image once.

        Raises:
            UserError: The test had no images.
        """
        if self._predictions is None:
            raise UserError("the test saw no images: raise trainer.limit_test_batches")
        return self._predictions

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batches.clear()
        self._predictions = None

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Any, batch_idx: int
    ) -> None:
        self._batches.add(batch, outputs)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._predictions = self._batches.gather(trainer)


class CollectBestEpoch(Callback):
    """Collects the validation predictions of the epoch that best.ckpt holds: the first of the highest accuracy."""

    predictions: Predictions | None = None
    """``None`` before the first validation."""
    run_folder: Path | None = None
    history: Sequence[Mapping[str, float]] = ()
    """Metrics of each epoch of the training."""

    def __init__(self) -> None:
        self._batches = PredictionBatches()
        self._accuracy = -1.0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batches.clear()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Any, batch_idx: int
    ) -> None:
        self._batches.add(batch, outputs)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        accuracy = float(trainer.callback_metrics["val/acc"])
        if accuracy > self._accuracy and not trainer.sanity_checking:
            self._accuracy, self.predictions = accuracy, self._batches.gather(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.run_folder, self.history = run_folder(trainer), pl_module.history


def concatenate(batches: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Join the results of all predict steps: labels (N,) and probabilities (N, classes), on the CPU."""
    labels, probabilities = zip(*batches, strict=True)
    return torch.cat(labels).cpu(), torch.cat(probabilities).cpu()


def _of_all_processes(trainer: Trainer, values: Tensor) -> Tensor:
    return torch.cat(gather_all_tensors(values)).cpu() if trainer.world_size > 1 else values.cpu()
