"""Convolutional networks for the shortest training: a strided stem halves the image before the costly layers."""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.errors import UserError
from fmnist_pl.networks.layers import ACTIVATIONS, Activation
from fmnist_pl.networks.mirror import MirrorSequential

Stem = Literal["learned", "cosine"]

MAX_CONVOLUTIONS = 5
"""All but the first and the last halve what is 14x14 after the first."""


class StridedCNN(MirrorSequential):
    """A stem of stride 2, 3x3 convolutions with batch norm, a global maximum: (B, 1, 28, 28) to logits (B, 10).

    Convolutions have no bias and batch norm no scale, which the next layer would undo. Each convolution after the stem
    starts as the identity (Dirac initialisation). After Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU"
    (2024).

    Args:
        filters: Filters of each convolution. The first is the stem; those between it and the last end in a max-pool.
        stem: The first convolution: learned, or fixed cosine patterns, which saves the backward pass of the largest
            feature maps.
        stem_kernel: Side of the stem's kernels.
        activation: After each convolution.
        norm_momentum: Momentum of batch norm's running statistics; a short training needs a large one.
        mirror: Validate, test and predict with the mean of the logits for an image and its mirror image.

    Raises:
        UserError: The number of filters is not possible.
    """

    def __init__(
        self,
        filters: list[int] = [32, 64, 128, 128],  # noqa: B006  (never changed; a list is what the config holds)
        stem: Stem = "learned",
        stem_kernel: int = 4,
        activation: Activation = "gelu",
        norm_momentum: float = 0.4,
        mirror: bool = False,
    ) -> None:
        if not 1 <= len(filters) <= MAX_CONVOLUTIONS:
            raise UserError(f"model.filters names {len(filters)} convolutions: give 1 to {MAX_CONVOLUTIONS}")
        make_stem = {"learned": _learned_stem, "cosine": _cosine_stem}[stem]
        make_activation = ACTIVATIONS[activation]
        layers = [*make_stem(filters[0], stem_kernel, norm_momentum), make_activation()]
        for number, (channels, out_channels) in enumerate(pairwise(filters), 1):
            convolution = nn.Conv2d(channels, out_channels, 3, padding=1, bias=False)
            nn.init.dirac_(convolution.weight[:channels])
            layers.append(convolution)
            if number < len(filters) - 1:
                layers.append(nn.MaxPool2d(2))
            layers += [_norm_without_scale(out_channels, norm_momentum), make_activation()]
        layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(filters[-1], len(CLASSES), bias=False)]
        super().__init__(*layers)
        self.mirror = mirror
        self.to(memory_format=torch.channels_last)


def cosine_filters(count: int, size: int) -> Tensor:
    """The smoothest patterns of the two-dimensional cosine transform, each with its negative.

    Ahmed, Natarajan and Rao, "Discrete Cosine Transform" (1974).

    Args:
        count: Number of filters: even, up to 2 * size * size.
        size: Side of a filter in pixels.

    Returns:
        (count, 1, size, size), each of length 1.

    Raises:
        UserError: The count is odd or too large.
    """
    if count % 2 or not 2 <= count <= 2 * size**2:
        raise UserError(
            f"model.filters begins with {count}, but a cosine stem with kernels of {size}x{size} has an even number of "
            f"filters, up to {2 * size**2}: change model.filters, model.stem_kernel or model.stem"
        )
    places = torch.arange(size) + 0.5
    waves = torch.stack([torch.cos(math.pi * frequency * places / size) for frequency in range(size)])
    waves = waves / waves.norm(dim=1, keepdim=True)
    pairs = sorted(((row, column) for row in range(size) for column in range(size)), key=sum)
    patterns = torch.stack([torch.outer(waves[row], waves[column]) for row, column in pairs[: count // 2]])
    return torch.cat([patterns, -patterns])[:, None]


def _learned_stem(out_channels: int, kernel: int, norm_momentum: float) -> list[nn.Module]:
    """A convolution and a batch norm with a learned bias."""
    return [_stem_convolution(out_channels, kernel), _norm_without_scale(out_channels, norm_momentum)]


def _cosine_stem(out_channels: int, kernel: int, norm_momentum: float) -> list[nn.Module]:
    """Fixed `cosine_filters` and a batch norm without parameters: nothing to learn, no backward pass.

    The cosine transform is close to the eigenvectors of image patches, and batch norm makes their variances equal: this
    is nearly whitening (as in the work that `StridedCNN` names), without a look at the data.
    """
    convolution = _stem_convolution(out_channels, kernel)
    convolution.weight = nn.Parameter(cosine_filters(out_channels, kernel), requires_grad=False)
    return [convolution, nn.BatchNorm2d(out_channels, momentum=norm_momentum, affine=False)]


def _stem_convolution(out_channels: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(1, out_channels, kernel, stride=2, padding=(kernel - 1) // 2, bias=False)


def _norm_without_scale(channels: int, momentum: float) -> nn.BatchNorm2d:
    """Batch norm with a learned bias alone."""
    norm = nn.BatchNorm2d(channels, momentum=momentum)
    norm.weight.requires_grad_(False)
    return norm
