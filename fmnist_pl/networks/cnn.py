"""Convolutional networks: blocks of convolutions, dense layers, logits."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.networks.layers import (
    ACTIVATIONS,
    NON_MONOTONIC,
    Activation,
    FlattenRows,
    Initializer,
    dense_layers,
    initialize,
)
from fmnist_pl.networks.mirror import MirrorSequential

Padding = Literal["same", "valid"]
Pooling = Literal["max", "avg", "none"]
POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class CNN(MirrorSequential):
    """Convolutional blocks, each with optional 2x2 pooling and dropout at its end: (B, 1, 28, 28) to logits (B, 10).

    Args:
        blocks: For each block, the filters of its convolutions.
        kernel_size: Side of the kernels, one for all or one per convolution.
        padding: Keep the image size (same) or lose the border at each convolution (valid).
        pooling: Pooling at the end of each block; none to keep the image size.
        conv_bias: Whether convolutions have a bias.
        hidden_sizes: Units of the dense layers between the blocks and the logits.
        activation: After each convolution and each hidden dense layer.
        kernel_initializer: Initial weights, named and scaled as in Keras.
        batch_norm: Batch normalisation before each activation.
        conv_dropout: Probability to drop a whole feature map at the end of each block.
        dropout: Probability to drop a unit after each hidden dense layer.
        mirror: Validate, test and predict with the mean of the logits for an image and its mirror image.

    Raises:
        UserError: The number of kernel sizes is wrong, or the blocks leave no pixels of the image.
    """

    def __init__(
        self,
        blocks: list[list[int]] = [[32, 32], [64, 64]],  # noqa: B006  (never changed; a list is what the config holds)
        kernel_size: int | list[int] = 3,
        padding: Padding = "same",
        pooling: Pooling = "max",
        conv_bias: bool = True,
        hidden_sizes: list[int] = [128],  # noqa: B006
        activation: Activation = "relu",
        kernel_initializer: Initializer = "glorot_uniform",
        batch_norm: bool = False,
        conv_dropout: float = 0.0,
        dropout: float = 0.0,
        mirror: bool = False,
    ) -> None:
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
                layers.insert(_place_of_pool(layers, pooling, activation), POOLS[pooling](2))
            layers.append(nn.Dropout2d(conv_dropout))
        layers.append(FlattenRows())
        layers += dense_layers(_count_features(layers), hidden_sizes, activation, dropout, batch_norm)
        super().__init__(*layers)
        self.mirror = mirror
        # channels_last: five times as fast as torch's default on a CPU, and what a GPU's tensor cores need
        self.train().to(memory_format=torch.channels_last)
        initialize(self, kernel_initializer)


class TunerCNN(CNN):
    """The network that the Keras Tuner project searched: two convolutions without padding or pooling, a dense layer.

    Args:
        filters_1: Filters of the first convolution (searched: 32 to 128, step 16).
        kernel_1: Side of its kernels (3 or 5).
        filters_2: Filters of the second convolution (32 to 64, step 16).
        kernel_2: Side of its kernels (3 or 5).
        dense_units: Units of the dense layer (32 to 128, step 16).
        dropout: Probability to drop a unit of the dense layer.
    """

    def __init__(
        self,
        filters_1: int = 32,
        kernel_1: int = 3,
        filters_2: int = 48,
        kernel_2: int = 3,
        dense_units: int = 48,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            blocks=[[filters_1, filters_2]],
            kernel_size=[kernel_1, kernel_2],
            padding="valid",
            pooling="none",
            hidden_sizes=[dense_units],
            dropout=dropout,
        )


def _place_of_pool(layers: list[nn.Module], pooling: Pooling, activation: Activation) -> int:
    """Where to insert the pool of a block: before its last activation if that is the same function, else after it.

    A maximum commutes with an activation that never decreases; the activation then has a quarter of the work.
    """
    commutes = pooling == "max" and activation not in NON_MONOTONIC
    return len(layers) - 1 if commutes else len(layers)


def _kernel_sizes(kernel_size: int | list[int], convolutions: int) -> Iterator[int]:
    """One side for each convolution, in order."""
    sides = [kernel_size] * convolutions if isinstance(kernel_size, int) else kernel_size
    if len(sides) != convolutions:
        raise UserError(
            f"model.kernel_size names {len(sides)} kernels, but model.blocks holds {convolutions} convolutions"
        )
    return iter(sides)


def _count_features(layers: list[nn.Module]) -> int:
    """Features per image that these layers return, found by a forward pass of one image."""
    try:
        with torch.no_grad():
            # in eval mode, so that batch norm keeps its statistics
            return nn.Sequential(*layers).eval()(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE)).shape[1]
    except RuntimeError as error:
        raise UserError(f"model.blocks: no pixels are left of 28x28 after these blocks ({error}); use fewer") from error
