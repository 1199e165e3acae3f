"""Images with their labels, and batches of them: the values that fmnist_pl/data passes on."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class LabelledImages:
    """Images and their labels: uint8 (N, 1, 28, 28) and int64 (N,).

    Args:
        images: The images.
        labels: Their classes.
        targets: Probabilities of the classes (N, 10) to train on instead of the labels, float32.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, indices: Tensor) -> "LabelledImages":
        """Select the images at these positions (M,), in this order."""
        targets = None if self.targets is None else self.targets[indices]
        return LabelledImages(self.images[indices], self.labels[indices], targets)

    def to(self, device: torch.device) -> "LabelledImages":
        """Copy to a device; no copy is made if the data is there already."""
        targets = None if self.targets is None else self.targets.to(device)
        return LabelledImages(self.images.to(device), self.labels.to(device), targets)


@dataclass(frozen=True)
class TrainAndTest:
    """Training and test images, and their source (``real`` or ``synthetic``)."""

    train: LabelledImages
    test: LabelledImages
    source: str


class Batch(NamedTuple):
    """Normalised float images (B, 1, 28, 28), int64 labels (B,), and their positions (B,) in the data set.

    ``targets`` are probabilities of the classes (B, 10) to train on instead of the labels. Where images are mixed, the
    label is that of the image at the position, whatever its share.
    """

    images: Tensor
    labels: Tensor
    positions: Tensor
    targets: Tensor | None = None

    def split(self, sizes: list[int]) -> list["Batch"]:
        """Cut into batches of these sizes, in order."""
        columns = [[None] * len(sizes) if column is None else column.split(sizes) for column in self]
        return [Batch(*parts) for parts in zip(*columns, strict=True)]

    @property
    def goal(self) -> Tensor:
        """What the loss compares the logits with: the targets if there are any, else the labels."""
        return self.labels if self.targets is None else self.targets
