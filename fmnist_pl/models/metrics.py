"""Loss and accuracy over a whole epoch and all ranks."""

import torch
from torch import Tensor
from torchmetrics import Metric


class EpochMetrics(Metric):
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

    def update(self, loss_sum: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count the images of one batch or of several.

        Args:
            loss_sum: Over these images, a scalar.
            logits: (B, classes).
            labels: (B,).
        """
        if self.device != loss_sum.device:
            self.to(loss_sum.device)
        self.loss_sum += loss_sum
        self.hits += (logits.argmax(dim=1) == labels).sum()
        self.count += labels.numel()

    def compute(self) -> dict[str, Tensor]:
        """Mean ``loss`` and ``acc`` (a fraction) per image."""
        return {"loss": self.loss_sum / self.count, "acc": self.hits / self.count}
