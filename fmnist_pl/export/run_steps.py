"""Compute the steps of a program in PyTorch: what a page's JavaScript computes, to check the weights in its file."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmnist_pl.export.steps import Program, Step


class StepsNetwork(nn.Module):
    """A network that computes the steps of a program, for any number of images."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 1, 28, 28) to logits (N, 10)."""
        values = [images]
        for step in self._program.steps:
            options = {name: self._weight(name, value) for name, value in step.options.items()}
            result = RUN[step.op](*(values[number] for number in step.inputs), step=step, **options)
            values.append(result.reshape(len(images), *step.shape))
        return values[-1]

    def _weight(self, name: str, value: Any) -> Any:
        return self._program.tensors[value] if name in WEIGHTS and value is not None else value


WEIGHTS = ("kernel", "bias", "factor", "offset")
"""Options that are positions of tensors."""


def _convolution(
    x: Tensor, step: Step, kernel: Tensor, stride: list[int], padding: list[int], **options: Any
) -> Tensor:
    """The padding is that of top and left; bottom and right have what the shape of the result needs."""
    sides = []
    for axis in (1, 0):
        reach = (step.shape[1 + axis] - 1) * stride[axis] + options["dilation"][axis] * (kernel.shape[2 + axis] - 1) + 1
        sides += [padding[axis], reach - x.shape[2 + axis] - padding[axis]]
    return F.conv2d(F.pad(x, sides), kernel, options["bias"], stride, 0, options["dilation"], options["groups"])


def _scale(x: Tensor, step: Step, factor: Tensor, offset: Tensor) -> Tensor:
    channels = [1, -1] + [1] * (x.ndim - 2)
    return x * factor.view(channels) + offset.view(channels)


def _max_pool(x: Tensor, step: Step, size: list[int], stride: list[int], **options: Any) -> Tensor:
    """Windows may leave the image at any side; the shape of the result says how many there are."""
    floor = F.max_pool2d(x, size, stride, **options)
    return floor if list(floor.shape[1:]) == step.shape else F.max_pool2d(x, size, stride, **options, ceil_mode=True)


def _of(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of torch that takes the options of a step by the same names."""
    return lambda *values, step, **options: function(*values, **options)


def _arithmetic(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, other=None, *, step, number=None: function(x, number if other is None else other)


RUN: dict[str, Callable[..., Tensor]] = {
    "convolution": _convolution,
    "linear": _of(lambda x, kernel, bias: F.linear(x, kernel, bias)),
    "scale": _scale,
    "max_pool": _max_pool,
    "avg_pool": _of(lambda x, size, stride: F.avg_pool2d(x, size, stride)),
    "adaptive_max_pool": _of(lambda x, places: F.adaptive_max_pool2d(x, places)),
    "adaptive_avg_pool": _of(lambda x, places: F.adaptive_avg_pool2d(x, places)),
    "permute": _of(lambda x, dims: x.permute(0, *(dim + 1 for dim in dims))),
    "reshape": _of(lambda x: x),
    "mirror": _of(lambda x: x.flip(3)),
    "add": _arithmetic(torch.add),
    "subtract": _arithmetic(torch.sub),
    "multiply": _arithmetic(torch.mul),
    "divide": _arithmetic(torch.div),
    "abs": _of(torch.abs),
    "relu": _of(F.relu),
    "gelu": _of(F.gelu),
    "elu": _of(torch.ops.aten.elu),
    "selu": _of(F.selu),
    "silu": _of(F.silu),
    "leaky_relu": _of(F.leaky_relu),
    "tanh": _of(torch.tanh),
    "sigmoid": _of(torch.sigmoid),
    "hardsigmoid": _of(F.hardsigmoid),
    "hardswish": _of(F.hardswish),
    "hardtanh": _of(F.hardtanh),
    "relu6": _of(F.relu6),
    "mish": _of(F.mish),
    "softplus": _of(F.softplus),
}
"""How each step is computed."""
