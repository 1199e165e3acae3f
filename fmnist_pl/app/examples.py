"""Images to try the page with: real test images if they are on this machine, else synthetic ones."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.source import load

PER_CLASS = 2  # images of each class


@dataclass(frozen=True)
class Examples:
    """Images, uint8 (N, 28, 28), and a label that says where they come from."""

    images: Tensor
    label: str


def find_examples() -> Examples:
    """The first test images of each class."""
    data = load("auto", None, verify=True, synthetic_size=600, seed=0, may_download=False)
    chosen = torch.stack([(data.test.labels == label).nonzero()[:PER_CLASS, 0] for label in range(len(CLASSES))], dim=1)
    label = "Or one of the test images"
    if data.source != "real":
        label = "Or a synthetic image (the real test images are not on this machine)"
    return Examples(data.test.images[chosen.reshape(-1), 0], label)
