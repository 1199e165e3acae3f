"""Randomness without state: the random numbers of a step depend on the seed and the step alone."""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.data.loader import seed_of


class StepSeeds(Callback):
    """Seeds torch before each training step (for dropout), so that a resumed run repeats an uninterrupted one.

    Each rank has random numbers of its own. Saving the generators' states instead needs those of all ranks.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.seed(trainer, batch_idx)

    def seed(self, trainer: Trainer, batch_idx: int) -> None:
        """Seed the step of this batch of the epoch."""
        seed = seed_of(self._seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        if trainer.strategy.root_device.type == "cpu":
            torch.default_generator.manual_seed(seed)  # torch.manual_seed first looks for accelerators: 75 us
        else:
            torch.manual_seed(seed)
