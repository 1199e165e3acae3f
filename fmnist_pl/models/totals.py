"""Loss and accuracy over a whole epoch and all ranks."""

import torch
from torch import Tensor
from torchmetrics import Metric


class EpochTotals(Metric):
    """Sums loss and hits over the images of an epoch, on the device, without waiting for it.

    Two ready metrics (a mean and an accuracy) would cost several times as much per step, which a small dense network
    on a CPU feels.
    """

    full_state_update = False
    loss_sum: Tensor
    hits: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("loss_sum", "hits", "count"):
            self.add_state(name, torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch.

        Args:
            loss: Mean over the batch, a scalar.
            logits: (B, classes).
            labels: (B,).
        """
        if self.device != loss.device:
            self.to(loss.device)
        count = labels.numel()
        self.loss_sum += loss.detach() * count
        self.hits += (logits.argmax(dim=1) == labels).sum()
        self.count += count

    def compute(self) -> dict[str, Tensor]:
        """Mean ``loss`` and ``acc`` (a fraction) per image."""
        return {"loss": self.loss_sum / self.count, "acc": self.hits / self.count}
