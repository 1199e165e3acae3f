"""A network of your own: any torch.nn.Module that maps images (B, 1, 28, 28) to logits (B, 10)."""

import torchvision
from torch import Tensor, nn


class TinyNet(nn.Module):
    """Two depthwise-separable convolutions and a mean over places.

    Args:
        width: Filters of the first convolution.
        dropout: Probability to drop a feature before the logits.
    """

    def __init__(self, width: int = 16, dropout: float = 0.0) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.Conv2d(width, 2 * width, 1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
        )
        self.logits = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, 10))

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images).mean(dim=(2, 3)))


class ResNet18(torchvision.models.ResNet):
    """torchvision's ResNet-18 for one grey channel and ten classes; its stem keeps the size of small images.

    Args:
        zero_init_residual: Start each residual block as the identity.
    """

    def __init__(self, zero_init_residual: bool = False) -> None:
        block = torchvision.models.resnet.BasicBlock
        super().__init__(block, [2, 2, 2, 2], num_classes=10, zero_init_residual=zero_init_residual)
        self.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
        self.maxpool = nn.Identity()
