"""Building blocks of the networks: activations, weight initialisation, dense layers. Names as in Keras."""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from fmnist_pl.data.facts import CLASSES

Activation = Literal[
    "relu", "gelu", "elu", "selu", "silu", "leaky_relu",
    "tanh", "sigmoid", "hard_sigmoid", "softplus", "softsign", "linear",
]  # fmt: skip

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "linear": nn.Identity,
}

NON_MONOTONIC: tuple[Activation, ...] = ("gelu", "silu")
"""Activations that decrease somewhere, so that they do not commute with a maximum."""

Initializer = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    "orthogonal", "uniform", "normal", "zeros",
]  # fmt: skip


def _lecun_uniform(weight: Tensor) -> None:
    limit = math.sqrt(3 / _fan_in(weight))
    nn.init.uniform_(weight, -limit, limit)


def _lecun_normal(weight: Tensor) -> None:
    nn.init.normal_(weight, std=math.sqrt(1 / _fan_in(weight)))


def _fan_in(weight: Tensor) -> int:
    return weight[0].numel()


INITIALIZERS: dict[Initializer, Callable[[Tensor], object]] = {
    "glorot_uniform": nn.init.xavier_uniform_,
    "glorot_normal": nn.init.xavier_normal_,
    "he_uniform": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu"),
    "he_normal": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "lecun_uniform": _lecun_uniform,
    "lecun_normal": _lecun_normal,
    "orthogonal": nn.init.orthogonal_,
    "uniform": lambda weight: nn.init.uniform_(weight, -0.05, 0.05),
    "normal": lambda weight: nn.init.normal_(weight, std=0.05),
    "zeros": nn.init.zeros_,
}


class FlattenRows(nn.Module):
    """(B, C, H, W) to (B, H * W * C): the order of Keras, and a view, not a copy, of channels_last memory."""

    def forward(self, features: Tensor) -> Tensor:
        return features.permute(0, 2, 3, 1).flatten(1)


class SqueezeExcitation(nn.Module):
    """Scale each channel by a factor 0..1 that depends on the means of all channels: (B, C, H, W) to the same shape.

    Hu et al., "Squeeze-and-Excitation Networks" (2018).

    Args:
        channels: C.
        ratio: Hidden units as a fraction of C; at least one.
    """

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        hidden = max(round(channels * ratio), 1)
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        factors: Tensor = self.layers(features)
        return features * factors


def initialize(network: nn.Module, initializer: Initializer) -> None:
    """Set all dense and convolutional kernels by ``initializer`` and their biases to zero, as Keras does."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            INITIALIZERS[initializer](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def dense_layers(
    in_features: int, sizes: list[int], activation: Activation, dropout: float, batch_norm: bool
) -> list[nn.Module]:
    """Hidden layers (dense, batch norm, activation, dropout) of these ``sizes``, and a dense layer to 10 logits."""
    layers: list[nn.Module] = []
    for size in sizes:
        layers.append(nn.Linear(in_features, size))
        if batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers.append(ACTIVATIONS[activation]())
        layers.append(nn.Dropout(dropout))  # present even at 0, so that names in checkpoints do not depend on it
        in_features = size
    return [*layers, nn.Linear(in_features, len(CLASSES))]
