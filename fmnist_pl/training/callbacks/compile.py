"""Compile the network of a training with torch.compile, before the first step."""

import time

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.errors import UserError
from fmnist_pl.models.classifier import Classifier
from fmnist_pl.training.callbacks.rehearsal import typical_batch, unchanged
from fmnist_pl.training.callbacks.stopwatch import Stopwatch


class Compile(Callback):
    """Compiles the network for the training steps; validation and everything after the training use it uncompiled.

    Validation is a small part of a training, and the hooks that record feature maps do not see into compiled code.
    """

    def __init__(self, stopwatch: Stopwatch) -> None:
        """Choose where the time is recorded.

        Args:
            stopwatch: Its ``compile_seconds`` are increased.
        """
        self._stopwatch = stopwatch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        start = time.perf_counter()
        torch.compiler.reset()  # otherwise networks of earlier trainings in this process count towards torch's limit
        pl_module.compiled = torch.compile(pl_module.network.forward)
        try:
            _warm_up(trainer, pl_module)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"--compile: torch.compile failed ({reason}): it needs a compiler (g++, or name one in CXX); "
                "or leave --compile out"
            ) from error
        seconds = time.perf_counter() - start
        self._stopwatch.compile_seconds += seconds
        if trainer.is_global_zero:
            print(f"compiled in {seconds:.1f} s", flush=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        pl_module.compiled = None


def _warm_up(trainer: Trainer, model: Classifier) -> None:
    """Compile forward and backward on one batch."""
    images, goal, sizes = typical_batch(trainer)
    if len(sizes) > 1:
        torch._dynamo.maybe_mark_dynamic(images, 0)  # one compilation for batches of either size
    with unchanged(trainer, model):
        with trainer.precision_plugin.train_step_context():
            loss, _ = model.training_loss(images, goal)
        torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad])
