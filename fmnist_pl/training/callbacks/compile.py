"""Compile the network of a training with torch.compile, before the first step."""

import torch
from lightning import LightningModule, Trainer

from fmnist_pl.errors import UserError
from fmnist_pl.models.classifier import Classifier
from fmnist_pl.training.callbacks.rehearsal import Rehearsal, first_line, typical_batch, unchanged


class Compile(Rehearsal):
    """Compiles the network for the training steps; validation and everything after the training use it uncompiled.

    Validation is a small part of a training, and the hooks that record feature maps do not see into compiled code.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        with self.timed(trainer, "compiled"):
            torch.compiler.reset()  # networks of earlier trainings in this process would count towards torch's limit
            pl_module.compiled = torch.compile(pl_module.network.forward)
            try:
                _warm_up(trainer, pl_module)
            except torch._dynamo.exc.BackendCompilerFailed as error:
                raise UserError(
                    f"--compile: torch.compile failed ({first_line(error)}): it needs a compiler (g++, or name one in "
                    "CXX); or leave --compile out"
                ) from error

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
