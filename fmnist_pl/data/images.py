"""Images with their labels: what all of fmnist_pl/data hands on."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LabelledImages:
    """Images and their labels: uint8 (N, 1, 28, 28) and int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, indices: Tensor) -> "LabelledImages":
        """The images at these positions (M,), in this order."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def to(self, device: torch.device) -> "LabelledImages":
        """The same on this device; itself if it is there."""
        return LabelledImages(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class TrainAndTest:
    """The training and the test images, and where they are from (``real`` or ``synthetic``)."""

    train: LabelledImages
    test: LabelledImages
    source: str
