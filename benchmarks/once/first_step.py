"""Callback of start_up.py."""

import os
from typing import Any, NoReturn

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class ExitAtFirstStep(Callback):
    """Ends the process immediately before the first training step."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> NoReturn:
        os._exit(0)
