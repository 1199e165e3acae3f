"""Capture the training step as CUDA graphs, before the first step.

The host launches each kernel of a step by a call of its own, and these calls limit a small network. A graph launches
all kernels by one call.
"""

from collections.abc import Callable
from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn

from fmnist_pl.errors import UserError
from fmnist_pl.models.classifier import Classifier
from fmnist_pl.training.callbacks.rehearsal import Rehearsal, first_line, typical_batch, unchanged

LossAndLogits = tuple[Tensor, Tensor]


class Capture(Rehearsal):
    """Captures forward, loss and backward of the training steps; the optimizer's step remains a call of its own.

    Batches of another size than the most frequent one are trained on without the graph. If a graph is not possible, the
    training prints the reason and runs without it.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        obstacle = obstacle_to_capture(trainer)
        if obstacle is not None:
            if trainer.is_global_zero:
                print(f"cuda_graph is off: {obstacle}", flush=True)
            return
        with self.timed(trainer, "captured"):
            try:
                pl_module.captured = _captured(trainer, pl_module)
            except RuntimeError as error:
                raise UserError(
                    f"--cuda_graph: the step cannot be captured ({first_line(error)}); leave --cuda_graph out"
                ) from error

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        pl_module.captured = None


def obstacle_to_capture(trainer: Trainer) -> str | None:
    """Why the steps of a training cannot be captured, if they cannot."""
    device = trainer.strategy.root_device.type
    if device != "cuda":
        return f"the training runs on {device}, and CUDA graphs need a CUDA GPU"
    if trainer.world_size > 1:
        return "several processes share each step"
    if trainer.accumulate_grad_batches > 1:
        return "trainer.accumulate_grad_batches adds gradients, and a graph overwrites those of its last call"
    return None


class _TrainingLoss(nn.Module):
    """`Classifier.training_loss` as a module, so that the capture finds its parameters."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, goal: Tensor) -> LossAndLogits:
        return self.model.training_loss(images, goal)


def _captured(trainer: Trainer, model: Classifier) -> Callable[[Tensor, Tensor], LossAndLogits]:
    """`Classifier.training_loss` by a CUDA graph; its backward pass is another one."""
    sample_images, sample_goal, _ = typical_batch(trainer)
    with unchanged(trainer, model), trainer.precision_plugin.train_step_context():
        graphed: Any = torch.cuda.make_graphed_callables(
            _TrainingLoss(model), (sample_images, sample_goal), allow_unused_input=True
        )

    def training_loss(images: Tensor, goal: Tensor) -> LossAndLogits:
        if images.shape != sample_images.shape:
            return model.training_loss(images, goal)
        loss, logits = graphed(images, goal)
        return loss.clone(), logits.detach().clone()  # the next step writes to the same memory

    return training_loss
