"""Residual networks: basic blocks with batch norm, logits."""

from typing import Literal

import torch
from torch import Tensor, nn

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.networks.layers import ACTIVATIONS, Activation, FlattenRows, SqueezeExcitation
from fmnist_pl.networks.mirror import MirrorSequential

Head = Literal["mean", "flatten"]


class ResidualCNN(MirrorSequential):
    """A convolution, stages of residual blocks, a dense layer: (B, 1, 28, 28) to logits (B, 10).

    With the defaults this is ResNet-20 (He et al. 2016, section 4.2), with shortcuts that average 2x2 pixels before a
    1x1 convolution (ResNet-D, He et al. 2019). The last batch norm of each block starts at zero, so each block starts
    as the identity (Goyal et al. 2017).

    Args:
        filters: Filters of the convolutions of each stage. The image is halved at the beginning of each but the first.
        blocks_per_stage: Residual blocks in each stage, of two 3x3 convolutions.
        stem_stride: Stride of the first convolution; 2 leaves a quarter of the work.
        activation: After each convolution.
        squeeze: Hidden units of squeeze-and-excitation as a fraction of the filters; 0 for none.
        dropout: Probability to drop a value before the last layer.
        head: What the dense layer sees: the mean of each feature map (mean), or every pixel of it (flatten), which
            suits images that are centred as these are.
        mirror: Validate, test and predict with the mean of the logits for an image and its mirror image.

    Raises:
        UserError: The image cannot be halved so often.
    """

    def __init__(
        self,
        filters: list[int] = [16, 32, 64],  # noqa: B006  (never changed; a list is what the config holds)
        blocks_per_stage: int = 3,
        stem_stride: int = 1,
        activation: Activation = "relu",
        squeeze: float = 0.0,
        dropout: float = 0.0,
        head: Head = "mean",
        mirror: bool = False,
    ) -> None:
        most = 1
        while IMAGE_SIZE // stem_stride % 2**most == 0:  # 28, 14, 7: an odd side has no half
            most += 1
        if not 1 <= len(filters) <= most:
            raise UserError(
                f"model.filters names {len(filters)} stages: with model.stem_stride {stem_stride} give 1 to {most}"
            )
        stem = nn.Conv2d(1, filters[0], 3, stem_stride, padding=1, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm2d(filters[0]), ACTIVATIONS[activation]()]
        channels = filters[0]
        for stage, out_channels in enumerate(filters):
            for block in range(blocks_per_stage):
                stride = 2 if stage and not block else 1
                layers.append(ResidualBlock(channels, out_channels, stride, activation, squeeze))
                channels = out_channels
        side = IMAGE_SIZE // stem_stride // 2 ** (len(filters) - 1)
        features = channels if head == "mean" else channels * side**2
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if head == "mean" else [FlattenRows()]
        super().__init__(*layers, nn.Dropout(dropout), nn.Linear(features, len(CLASSES)))
        self.mirror = mirror
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, added to the input: (B, C, H, W) to (B, C', H / stride, W / stride)."""

    def __init__(self, channels: int, out_channels: int, stride: int, activation: Activation, squeeze: float) -> None:
        super().__init__()
        last_norm = nn.BatchNorm2d(out_channels)
        nn.init.zeros_(last_norm.weight)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            ACTIVATIONS[activation](),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            last_norm,
        ]
        if squeeze:
            layers.append(SqueezeExcitation(out_channels, squeeze))
        self.residual = nn.Sequential(*layers)
        self.shortcut = _shortcut(channels, out_channels, stride)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        return self.activation(self.shortcut(features) + self.residual(features))


def _shortcut(channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and channels == out_channels:
        return nn.Identity()
    layers: list[nn.Module] = [] if stride == 1 else [nn.AvgPool2d(stride)]
    return nn.Sequential(*layers, nn.Conv2d(channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))
