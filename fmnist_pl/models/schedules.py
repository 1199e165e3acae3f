"""Learning-rate schedules that torch.optim.lr_scheduler lacks, or that a config cannot name there."""

from typing import Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau


class StepSchedule(LRScheduler):
    """A schedule that advances each step and spans the run; the classifier sets ``total_steps`` from the trainer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.total_steps = 1
        super().__init__(optimizer)

    def factor(self, progress: float) -> float:
        """Learning rate as a fraction of the optimizer's, at ``progress`` 0 (first step) to 1 (end of the run)."""
        return 1.0

    def get_lr(self) -> list[float | Tensor]:
        progress = min(self.last_epoch / self.total_steps, 1.0)
        return [base * self.factor(progress) for base in self.base_lrs]

    def state_dict(self) -> dict[str, object]:
        """State without the length of the run, which is the trainer's: a resumed run may be longer."""
        return {key: value for key, value in super().state_dict().items() if key != "total_steps"}


class OneCycle(StepSchedule):
    """Linear warmup to the optimizer's learning rate, then linear decay (Smith & Topin 2018).

    torch's OneCycleLR has a maximum of its own and a fixed length; here ``optimizer.lr`` is the maximum.
    """

    def __init__(self, optimizer: Optimizer, warmup: float = 0.25, start: float = 0.04, final: float = 0.0) -> None:
        """Choose the shape.

        Args:
            optimizer: Its learning rate is the maximum of the cycle.
            warmup: Fraction of all steps during which the learning rate rises.
            start: Learning rate at the first step, as a fraction of the maximum.
            final: Learning rate at the end, as a fraction of the maximum.
        """
        self.warmup, self.start, self.final = warmup, start, final
        super().__init__(optimizer)

    def factor(self, progress: float) -> float:
        if progress < self.warmup:
            return self.start + (1 - self.start) * progress / self.warmup
        return 1 - (1 - self.final) * (progress - self.warmup) / max(1 - self.warmup, 1e-9)


class Plateau(ReduceLROnPlateau):
    """Lower the learning rate when a metric has stopped improving (torch's ReduceLROnPlateau)."""

    def __init__(
        self,
        optimizer: Optimizer,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
    ) -> None:
        """Choose the metric and the steps.

        Args:
            optimizer: Its learning rate is lowered.
            monitor: The metric, once per epoch: val/loss, val/acc, train/loss, train/acc.
            mode: Whether lower (min) or higher (max) is better.
            factor: The learning rate is multiplied by this.
            patience: Number of epochs without improvement before the learning rate is lowered.
            threshold: Smallest relative change that counts as an improvement.
            min_lr: Smallest learning rate.
        """
        self.monitor = monitor
        super().__init__(optimizer, mode, factor, patience, threshold, min_lr=min_lr)
