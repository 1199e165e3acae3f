"""Choose how many optimizer steps one call of the training step holds."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    Callback,
    GradientAccumulationScheduler,
    LearningRateFinder,
    LearningRateMonitor,
    ModelCheckpoint,
    ProgressBar,
    WeightAveraging,
)
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fmnist_pl.models import Classifier
from fmnist_pl.training.callbacks.nan_guard import NanGuard
from fmnist_pl.training.callbacks.step_seeds import StepSeeds
from fmnist_pl.training.callbacks.stopwatch import Stopwatch
from fmnist_pl.training.checkpoints import BestCheckpoint, LastCheckpoint
from fmnist_pl.training.multi_step import LoopCounters

MOST = 25
"""Loop overhead per step falls as 1/n; beyond 25 it is below 0.02 ms."""

FLOPS_PER_CALL = {"cpu": 1e9}
"""Floating-point operations that a call holds at least: about 10 ms on two cores, against 0.5 ms of the loop.

Other devices use one step per call until they have been measured; benchmarks/gpu.py measures a GPU.
"""

OF_A_STEP = (
    "on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward", "on_after_backward",
    "on_before_optimizer_step",
)  # fmt: skip
KNOWN = (StepSeeds, NanGuard, Stopwatch, LearningRateMonitor, ProgressBar, WeightAveraging, LastCheckpoint)
"""Callbacks that look at steps and give the same result if several are one call."""


def steps_per_execution(trainer: Trainer, model: Classifier, step_flops: int, asked: int | None) -> int:
    """The requested number, else one chosen by the size of a step; 1, with a printed reason, if it must be.

    Args:
        trainer: The trainer, complete with its callbacks.
        model: The model that it trains.
        step_flops: Floating-point operations of a step.
        asked: The number requested by the user; ``None`` to choose.
    """
    if asked == 1:
        return 1
    obstacle = _obstacle(trainer) or _obstacle_of(model) or _unknown_lightning(trainer)
    if obstacle is None:
        return asked or _by_size(trainer, step_flops)
    if asked is not None and trainer.is_global_zero:
        print(f"steps_per_execution is 1, not {asked}: {obstacle}", flush=True)
    return 1


def _by_size(trainer: Trainer, step_flops: int) -> int:
    work = FLOPS_PER_CALL.get(trainer.strategy.root_device.type, 0.0)
    return int(max(1, min(work / max(step_flops, 1), MOST, trainer.log_every_n_steps)))


def training_flops(model: Classifier) -> int:
    """Floating-point operations of a training step per image: forward, and backward to the trained weights, if any."""

    def step() -> None:
        total = model(model.example_input_array).sum()
        if total.requires_grad:
            total.backward()

    with torch.enable_grad():
        operations = _counted(model, step)
    model.zero_grad()
    return operations


def forward_flops(network: nn.Module, images: Tensor) -> int:
    """Floating-point operations of a forward pass of these images."""
    return _counted(network, lambda: network(images))


def _convolution_backward_flops(grad: list[int], inputs: list[int], kernel: list[int], *rest: Any, **_: Any) -> int:
    """Operations of the backward pass of a convolution: for each gradient that is asked for, those of its forward pass.

    torch's own formula counts the gradient of a grouped convolution's kernels once for each group.

    Args:
        grad: Shape of the gradient of the outputs.
        inputs: Shape of the inputs.
        kernel: Shape of the kernels.
        rest: Bias, stride, padding, dilation, whether it is transposed, ..., last which gradients are asked for: of
            inputs, kernels, biases.
    """
    is_transposed, (of_inputs, of_kernels, _of_biases) = rest[4], rest[-1]
    forward = 2 * math.prod(inputs if is_transposed else grad) * math.prod(kernel[1:])
    return forward * (of_inputs + of_kernels)


BACKWARD = {torch.ops.aten.convolution_backward: _convolution_backward_flops}


def _counted(network: nn.Module, work: Callable[[], object]) -> int:
    was_training = network.training
    network.eval()
    with FlopCounterMode(display=False, custom_mapping=BACKWARD) as counter:
        work()
    network.train(was_training)
    return counter.get_total_flops()


def _obstacle(trainer: Trainer) -> str | None:
    """Why each step needs a call of its own, if it does."""
    if trainer.world_size > 1:
        return "several processes wait for each other at each step"
    if trainer.precision == "16-mixed":
        return "the loss of fp16 is scaled at each step"
    if trainer.accumulate_grad_batches > 1:
        return "trainer.accumulate_grad_batches counts batches"
    if trainer.max_steps != -1 or trainer.fast_dev_run or trainer.overfit_batches:
        return "trainer.max_steps, fast_dev_run and overfit_batches count steps"
    if not (_is_all(trainer.limit_train_batches) and _is_all(getattr(trainer, "val_check_interval", None))):
        return "trainer.limit_train_batches and val_check_interval count batches"
    for callback in trainer.callbacks:
        if _looks_at_steps(callback):
            return f"{type(callback).__name__} looks at each step"
    return None


def _obstacle_of(model: Classifier) -> str | None:
    step = type(model.optimizer(model.parameters())).step
    if inspect.signature(step).parameters["closure"].default is None:
        return None
    return "the optimizer computes the loss several times per step"  # LBFGS


def _unknown_lightning(trainer: Trainer) -> str | None:
    try:
        LoopCounters(trainer)
    except AttributeError as error:
        return f"this version of Lightning counts its steps differently ({error})"
    return None


def _is_all(fraction: float | None) -> bool:
    return isinstance(fraction, float) and fraction == 1.0


def _looks_at_steps(callback: Callback) -> bool:
    if isinstance(callback, GradientAccumulationScheduler | BatchSizeFinder | LearningRateFinder):
        return True
    if isinstance(callback, ModelCheckpoint):
        return not isinstance(callback, BestCheckpoint)  # another one may save in the middle of an epoch
    if isinstance(callback, KNOWN):
        return False
    return any(getattr(type(callback), hook) is not getattr(Callback, hook) for hook in OF_A_STEP)
