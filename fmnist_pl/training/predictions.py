"""The predictions of a test, and the one evaluation made from them."""

from functools import cached_property

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import Batch
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.evaluation import Evaluation


class TestPredictions(Callback):
    """Keeps labels and logits of the test images: each image once, in the order of the test set, over all processes."""

    __test__ = False  # for pytest, which collects classes of this name

    def __init__(self) -> None:
        self.positions = self.labels = torch.empty(0, dtype=torch.long)
        """int64 (N,) on the CPU; positions in the test set."""
        self.logits = torch.empty(0)
        """float32 (N, 10) on the CPU."""
        self._batches: list[tuple[Tensor, Tensor, Tensor]] = []

    @cached_property
    def evaluation(self) -> Evaluation:
        """The evaluation of these predictions: metrics, report and TensorBoard all use it.

        Raises:
            UserError: There are no predictions.
        """
        if not len(self.labels):
            raise UserError("the test saw no images: raise trainer.limit_test_batches")
        # in double precision, so that different probabilities stay different
        probabilities = self.logits.double().softmax(dim=1).numpy()
        return Evaluation(self.labels.numpy(), probabilities, list(CLASSES))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batches.clear()
        self.__dict__.pop("evaluation", None)

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Batch, batch_idx: int
    ) -> None:
        self._batches.append((batch.positions, batch.labels, outputs.detach().clone()))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts = [torch.cat(parts) for parts in zip(*self._batches, strict=True)]
        self._batches.clear()
        positions, labels, logits = (_of_all_ranks(trainer, part) for part in parts)
        order = positions.argsort()
        self.positions, self.labels, self.logits = positions[order], labels[order], logits[order]


def _of_all_ranks(trainer: Trainer, values: Tensor) -> Tensor:
    return torch.cat(gather_all_tensors(values)).cpu() if trainer.world_size > 1 else values.cpu()
