"""Stop a training that diverges before it overwrites good checkpoints."""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fmnist_pl.errors import UserError


class NanGuard(Callback):
    """Stops the run at a loss that is not finite and names the step; the checkpoints stay as they are.

    Losses are checked together every ``log_every_n_steps`` steps, so that a GPU is not synchronised at each step; the
    weights before each validation, at the end of each epoch and before a checkpoint is written.
    """

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._checked = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(outputs["loss"].detach().reshape(-1))
        if trainer.global_step - self._checked >= trainer.log_every_n_steps or trainer.is_last_batch:
            self._check(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check_weights(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check_weights(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._check_weights(trainer, pl_module)

    def _check_weights(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or all(weight.isfinite().all() for weight in pl_module.parameters()):
            return
        raise _diverged(trainer, f"the weights are not finite after step {trainer.global_step}")

    def _check(self, trainer: Trainer) -> None:
        finite = torch.cat(self._losses).isfinite().tolist()
        first = trainer.global_step - len(finite) + 1
        self._losses.clear()
        self._checked = trainer.global_step
        # all ranks must agree, or those that continue wait forever for those that stop
        if not trainer.strategy.reduce_boolean_decision(all(finite), all=True):
            step = first + (finite.index(False) if False in finite else 0)
            raise _diverged(trainer, f"the training loss at step {step} is not finite")


def _diverged(trainer: Trainer, what: str) -> UserError:
    or_precision = ", or --trainer.precision 32-true" if trainer.precision == "16-true" else ""
    return UserError(
        f"{what} (epoch {trainer.current_epoch}): "
        f"lower --optimizer.lr, or set --trainer.gradient_clip_val 1.0{or_precision}; "
        f"earlier checkpoints are in {trainer.log_dir}/checkpoints"
    )
