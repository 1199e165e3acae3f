"""Histograms of weights and gradients in TensorBoard."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch.optim import Optimizer


class Histograms(Callback):
    """Logs, once an epoch, each parameter, and its gradient at the epoch's last step."""

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        if trainer.is_last_batch and trainer.is_global_zero:
            gradients = {name: p.grad for name, p in pl_module.named_parameters() if p.grad is not None}
            self._log(trainer, "gradients", gradients)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            self._log(trainer, "weights", dict(pl_module.named_parameters()))

    def _log(self, trainer: Trainer, group: str, tensors: dict[str, Any]) -> None:
        for name, tensor in tensors.items():
            values = tensor.detach().float().cpu()
            trainer.loggers[0].experiment.add_histogram(f"{group}/{name}", values, trainer.global_step)
