"""Convolutional networks: blocks of convolutions, dense layers, logits."""

from collections.abc import Iterator

import torch
from torch import nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.networks.layers import ACTIVATIONS, Activation, FlattenRows, Initializer, dense_layers, initialize

POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


def cnn(
    blocks: list[list[int]],
    kernel_size: int | list[int],
    padding: str,
    pooling: str,
    conv_bias: bool,
    hidden_sizes: list[int],
    activation: Activation,
    kernel_initializer: Initializer,
    batch_norm: bool,
    conv_dropout: float,
    dropout: float,
) -> nn.Module:
    """From (B, 1, 28, 28) to logits (B, classes); the arguments are those of `CNNClassifier`.

    The pooling stands before the last activation of its block: with a maximum and an activation that never falls this
    is the same function as the usual order, at a quarter of the work.
    """
    sides = _kernel_sizes(kernel_size, sum(len(block) for block in blocks))
    layers: list[nn.Module] = []
    channels = 1
    for filters in blocks:
        for out_channels in filters:
            layers.append(nn.Conv2d(channels, out_channels, next(sides), padding=padding, bias=conv_bias))
            if batch_norm:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(ACTIVATIONS[activation]())
            channels = out_channels
        if pooling != "none":
            layers.insert(-1, POOLS[pooling](2))
        layers.append(nn.Dropout2d(conv_dropout))
    layers.append(FlattenRows())
    features = _count_features(layers)
    layers += dense_layers(features, hidden_sizes, activation, dropout, batch_norm)
    # channels_last: on a CPU five times as fast as torch's default, on a GPU what its tensor cores want
    network = nn.Sequential(*layers).train().to(memory_format=torch.channels_last)
    initialize(network, kernel_initializer)
    return network


def _kernel_sizes(kernel_size: int | list[int], convolutions: int) -> Iterator[int]:
    """One side for each convolution, in order."""
    sides = [kernel_size] * convolutions if isinstance(kernel_size, int) else kernel_size
    if len(sides) != convolutions:
        raise UserError(
            f"model.kernel_size names {len(sides)} kernels, but model.blocks holds {convolutions} convolutions"
        )
    return iter(sides)


def _count_features(layers: list[nn.Module]) -> int:
    """Numbers per image that leave these layers, found by passing one through."""
    try:
        with torch.no_grad():
            # in eval mode, lest batch norm learns from it
            return nn.Sequential(*layers).eval()(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE)).shape[1]
    except RuntimeError as error:
        raise UserError(f"model: no picture is left of 28x28 after these blocks ({error}); use fewer blocks") from error
