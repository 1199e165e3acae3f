"""Networks of few parameters: depthwise-separable convolutions, a global mean, logits."""

import torch
from torch import Tensor, nn

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.errors import UserError
from fmnist_pl.networks.layers import ACTIVATIONS, Activation, SqueezeExcitation
from fmnist_pl.networks.mirror import MirrorSequential

MAX_STAGES = 5
"""Each stage but the last halves the image; after four of them its side is 1."""


class SeparableCNN(MirrorSequential):
    """A convolution, stages of depthwise-separable convolutions, a mean: (B, 1, 28, 28) to logits (B, 10).

    A depthwise-separable convolution is a convolution of each channel by itself, then a 1x1 convolution (Chollet 2017;
    Howard et al. 2017). Here one batch norm and one activation follow the 1x1 convolution. If it keeps the shape, its
    input is added to its output (Sandler et al. 2018). The last one of each stage but the last ends in a 2x2 max-pool,
    which stands before its batch norm: a quarter of the work for both.

    Args:
        stem: Filters of the first convolution, an ordinary one.
        stages: For each stage, the filters of its convolutions. The image is halved between two stages.
        stem_stride: Stride of the first convolution; 2 leaves a quarter of the work.
        kernel_size: Side of the kernels.
        activation: After each batch norm.
        repeats: How often a convolution that keeps the shape is applied, each time with the same kernels and a batch
            norm of its own: depth for few parameters (Dehghani et al. 2019 share layers in this way).
        squeeze: Hidden units of squeeze-and-excitation as a fraction of the filters; 0 for none.
        dropout: Probability to drop a value before the last layer.
        mirror: Validate, test and predict with the mean of the logits for an image and its mirror image.

    Raises:
        UserError: The number of stages is not possible, or a stage is empty.
    """

    def __init__(
        self,
        stem: int = 16,
        stages: list[list[int]] = [[32, 32], [64, 64], [128, 128]],  # noqa: B006  (never changed)
        stem_stride: int = 1,
        kernel_size: int = 3,
        activation: Activation = "relu",
        repeats: int = 1,
        squeeze: float = 0.0,
        dropout: float = 0.0,
        mirror: bool = False,
    ) -> None:
        if not 1 <= len(stages) <= MAX_STAGES or not all(stages):
            raise UserError(f"model.stages is {stages}: give 1 to {MAX_STAGES} lists of filters, none of them empty")
        if kernel_size % 2 == 0:
            raise UserError(f"model.kernel_size is {kernel_size}: give an odd number")
        convolution = nn.Conv2d(1, stem, kernel_size, stem_stride, padding=kernel_size // 2, bias=False)
        layers: list[nn.Module] = [convolution, nn.BatchNorm2d(stem), ACTIVATIONS[activation]()]
        channels = stem
        for stage, filters in enumerate(stages, 1):
            for number, out_channels in enumerate(filters, 1):
                pool = number == len(filters) and stage < len(stages)
                shape = (channels, out_channels, kernel_size)
                layers.append(SeparableConvolution(*shape, pool, repeats, activation, squeeze))
                channels = out_channels
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, len(CLASSES))]
        super().__init__(*layers)
        self.mirror = mirror
        self.to(memory_format=torch.channels_last)


class SeparableConvolution(nn.Module):
    """A depthwise and a 1x1 convolution, 2x2 max-pool, batch norm, activation: (B, C, H, W) to (B, C', H', W').

    If the shape stays the same, the output is added to the input, and all of it is done ``repeats`` times.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel_size: int,
        pool: bool,
        repeats: int,
        activation: Activation,
        squeeze: float,
    ) -> None:
        super().__init__()
        self.is_residual = channels == out_channels and not pool
        self.convolution = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels, bias=False),
            nn.Conv2d(channels, out_channels, 1, bias=False),
            nn.MaxPool2d(2) if pool else nn.Identity(),
        )
        times = repeats if self.is_residual else 1
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in range(times))
        self.activation = ACTIVATIONS[activation]()
        self.squeeze = SqueezeExcitation(out_channels, squeeze) if squeeze else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        for norm in self.norms:
            new = self.squeeze(self.activation(norm(self.convolution(features))))
            features = features + new if self.is_residual else new
        return features
