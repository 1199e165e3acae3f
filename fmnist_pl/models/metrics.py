"""Loss and accuracy over a whole epoch and all ranks."""

import torch
from torch import Tensor
from torchmetrics import Metric

SUMS = ("loss_sum", "correct", "count")


class EpochMetrics(Metric):
    """Sums the loss and the correct predictions of an epoch on the device, without a synchronisation per step.

    Two ready-made metrics (a mean and an accuracy) cost several times as much per step, which matters for a small dense
    network on a CPU.
    """

    full_state_update = False
    loss_sum: Tensor
    correct: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in SUMS:
            self.add_state(name, torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, loss_sum: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add the images of one batch or of several.

        Args:
            loss_sum: Sum over these images, a scalar.
            logits: (B, 10).
            labels: (B,).
        """
        if self.device != loss_sum.device:
            self.to(loss_sum.device)
        self.loss_sum += loss_sum
        self.correct += (logits.argmax(dim=1) == labels).sum()
        self.count += labels.numel()

    def sums(self) -> dict[str, float]:
        """The sums so far, over all ranks; every rank must call it."""
        with self.sync_context():
            return {name: float(getattr(self, name)) for name in SUMS}

    def add(self, sums: dict[str, float]) -> None:
        """Add what `sums` returned in the part of this epoch before a checkpoint."""
        for name in SUMS:
            getattr(self, name).add_(sums.get(name, 0.0))

    def compute(self) -> dict[str, Tensor]:
        """Mean ``loss`` and ``acc`` (a fraction) per image."""
        return {"loss": self.loss_sum / self.count, "acc": self.correct / self.count}
