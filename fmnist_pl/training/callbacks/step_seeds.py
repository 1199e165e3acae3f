"""Randomness that does not remember: what a step draws depends on the seed and the step alone."""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.data.loader import seed_of


class StepSeeds(Callback):
    """Seeds torch anew before each training step (dropout), so that a resumed run draws as one never stopped.

    Each rank has its own draws. Saving the generators' states instead would need those of all ranks.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.seed(trainer, batch_idx)

    def seed(self, trainer: Trainer, batch_idx: int) -> None:
        """Seed for the step on this batch of the epoch."""
        seed = seed_of(self._seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        if trainer.strategy.root_device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # torch.manual_seed looks for accelerators first: 75 us
        else:
            torch.manual_seed(seed)
