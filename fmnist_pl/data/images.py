"""Images with their labels, and batches of them: the values that fmnist_pl/data passes on."""

from dataclasses import dataclass
from typing import NamedTuple

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
        """Select the images at these positions (M,), in this order."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def to(self, device: torch.device) -> "LabelledImages":
        """Copy to a device; no copy is made if the data is there already."""
        return LabelledImages(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class TrainAndTest:
    """Training and test images, and their source (``real`` or ``synthetic``)."""

    train: LabelledImages
    test: LabelledImages
    source: str


class Batch(NamedTuple):
    """Normalised float images (B, 1, 28, 28), int64 labels (B,), and their positions (B,) in the data set."""

    images: Tensor
    labels: Tensor
    positions: Tensor
