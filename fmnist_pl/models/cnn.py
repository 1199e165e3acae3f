"""Convolutional networks: blocks of convolutions, dense layers, logits."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.models.base import Classifier
from fmnist_pl.models.layers import ACTIVATIONS, Activation, FlattenRows, Initializer, dense_layers, initialize

POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class CNNClassifier(Classifier):
    """A network of convolutional blocks; each block may end in a 2x2 pooling and dropout.

    The pooling stands before the last activation of its block: with a maximum and an activation that never falls this
    is the same function as the usual order, at a quarter of the work.
    """

    def __init__(
        self,
        blocks: list[list[int]] = [[32, 32], [64, 64]],  # noqa: B006  (never changed; a list is what the config holds)
        kernel_size: int | list[int] = 3,
        padding: Literal["same", "valid"] = "same",
        pooling: Literal["max", "avg", "none"] = "max",
        conv_bias: bool = True,
        hidden_sizes: list[int] = [128],  # noqa: B006
        activation: Activation = "relu",
        kernel_initializer: Initializer = "glorot_uniform",
        batch_norm: bool = False,
        conv_dropout: float = 0.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Build the network.

        Args:
            blocks: For each block, the filters of its convolutions.
            kernel_size: Side of the kernels, one for all or one for each convolution.
            padding: Keep the size of the picture (same) or lose its rim at each convolution (valid).
            pooling: How each block halves the picture at its end; none to keep its size.
            conv_bias: Whether convolutions have a bias.
            hidden_sizes: Units of the dense layers between the blocks and the logits.
            activation: After each convolution and hidden dense layer.
            kernel_initializer: How the weights start, named and scaled as in Keras.
            batch_norm: Normalise before each activation.
            conv_dropout: Chance to drop a whole feature map at the end of each block.
            dropout: Chance to drop a unit after each hidden dense layer.
            kwargs: What all classifiers share.
        """
        super().__init__(**kwargs)
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
        layers += dense_layers(features, hidden_sizes, self.num_classes, activation, dropout, batch_norm)
        # channels_last: on a CPU five times as fast as torch's default, on a GPU what its tensor cores want
        self.network = nn.Sequential(*layers).train().to(memory_format=torch.channels_last)
        initialize(self.network, kernel_initializer)


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
