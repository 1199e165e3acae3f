"""The learning rate in TensorBoard."""

from typing import Any

from lightning import Trainer
from lightning.pytorch.callbacks import LearningRateMonitor


class LearningRateCurve(LearningRateMonitor):
    """Logs the learning rate after a step, not before it: metrics are due at the end of a call of several steps."""

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        pass

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        super().on_train_batch_start(trainer)
