"""Learning-rate schedules that torch.optim.lr_scheduler lacks, or has in a form that a config cannot name."""

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
        """Learning rate as a part of the optimizer's own, at ``progress`` 0 (first step) to 1 (end of the run)."""
        raise NotImplementedError

    def get_lr(self) -> list[float | Tensor]:
        progress = min(self.last_epoch / self.total_steps, 1.0)
        return [base * self.factor(progress) for base in self.base_lrs]

    def state_dict(self) -> dict[str, object]:
        """Without the length of the run: it is the trainer's, so that a resumed run may be longer."""
        return {key: value for key, value in super().state_dict().items() if key != "total_steps"}


class OneCycle(StepSchedule):
    """Rise in a straight line to the optimizer's own rate, then fall in a straight line (Smith & Topin 2018).

    torch's OneCycleLR sets its own top rate and fixes its length; here the one key ``optimizer.lr`` is the top.
    """

    def __init__(self, optimizer: Optimizer, warmup: float = 0.25, start: float = 0.04, final: float = 0.0) -> None:
        """Choose the shape.

        Args:
            optimizer: Its learning rate is the top of the cycle.
            warmup: Part of all steps during which the rate rises.
            start: Rate at the first step, as a part of the top.
            final: Rate at the end, as a part of the top.
        """
        self.warmup, self.start, self.final = warmup, start, final
        super().__init__(optimizer)

    def factor(self, progress: float) -> float:
        if progress < self.warmup:
            return self.start + (1 - self.start) * progress / self.warmup
        return 1 - (1 - self.final) * (progress - self.warmup) / max(1 - self.warmup, 1e-9)


class Plateau(ReduceLROnPlateau):
    """Lower the rate when a figure has stopped getting better (torch's ReduceLROnPlateau)."""

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
        """Choose what to watch.

        Args:
            optimizer: Whose rate is lowered.
            monitor: The figure, once an epoch: val/loss, val/acc, train/loss, train/acc.
            mode: Whether lower (min) or higher (max) is better.
            factor: The rate is multiplied by this.
            patience: Epochs without a better figure that are let pass.
            threshold: How much better counts as better, as a part.
            min_lr: The rate is not lowered below this.
        """
        self.monitor = monitor
        super().__init__(optimizer, mode, factor, patience, threshold, min_lr=min_lr)
