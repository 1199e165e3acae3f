"""The learning rate in TensorBoard."""

from typing import Any

from lightning import Trainer
from lightning.pytorch.callbacks import LearningRateMonitor


class RateCurve(LearningRateMonitor):
    """Logs the rate after a step, not before it: the end of an execution of several steps is where figures are due."""

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        pass

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        super().on_train_batch_start(trainer)
