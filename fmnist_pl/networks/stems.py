"""First layers that halve the picture: kernels two pixels apart, then batch norm."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from fmnist_pl.errors import UserError

Stem = Literal["learned", "cosine"]


def _convolution(out_channels: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(1, out_channels, kernel, stride=2, padding=(kernel - 1) // 2, bias=False)


def norm_without_scale(channels: int, momentum: float) -> nn.BatchNorm2d:
    """Batch norm whose bias alone is learned."""
    norm = nn.BatchNorm2d(channels, momentum=momentum)
    norm.weight.requires_grad_(False)
    return norm


def learned_stem(out_channels: int, kernel: int, norm_momentum: float) -> list[nn.Module]:
    """A convolution and a batch norm whose bias is learned too."""
    return [_convolution(out_channels, kernel), norm_without_scale(out_channels, norm_momentum)]


def cosine_stem(out_channels: int, kernel: int, norm_momentum: float) -> list[nn.Module]:
    """Nothing to learn: `cosine_filters` and a batch norm without parameters, through which no gradient goes.

    The cosine transform is close to the eigenvectors of patches of pictures, and batch norm makes their variances
    equal: so this is all but whitening (used in the work that `strided_cnn` names), without a look at the data.
    """
    convolution = _convolution(out_channels, kernel)
    convolution.weight = nn.Parameter(cosine_filters(out_channels, kernel), requires_grad=False)
    return [convolution, nn.BatchNorm2d(out_channels, momentum=norm_momentum, affine=False)]


def cosine_filters(count: int, size: int) -> Tensor:
    """The smoothest patterns of the two-dimensional cosine transform, each and its negative.

    Ahmed, Natarajan and Rao, "Discrete Cosine Transform" (1974).

    Args:
        count: How many filters, an even number, up to 2 * size * size.
        size: Side of a filter in pixels.

    Returns:
        (count, 1, size, size), each of length 1.

    Raises:
        UserError: There are not so many.
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


STEMS: dict[Stem, Callable[[int, int, float], list[nn.Module]]] = {"learned": learned_stem, "cosine": cosine_stem}
