"""``predictions.csv``, of a test and of ``train.py predict``."""

import csv
from pathlib import Path

import torch
from torch import Tensor

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.facts import CLASSES


def write_predictions(path: Path, labels: Tensor, probabilities: Tensor) -> None:
    """Write one line per image, in the order of the data: index, label, prediction, probability of each class.

    Args:
        path: Where to; replaced if it is there.
        labels: int64 (N,).
        probabilities: float (N, classes).
    """
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(["index", "label", "prediction", *(f"p({name})" for name in CLASSES)])
        predictions = probabilities.argmax(dim=1)
        rows = zip(labels.tolist(), predictions.tolist(), probabilities.tolist(), strict=True)
        for index, (label, prediction, row) in enumerate(rows):
            writer.writerow([index, CLASSES[label], CLASSES[prediction], *(f"{p:.6f}" for p in row)])


def concatenate(batches: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The labels (N,) and probabilities (N, classes) of all batches, on the CPU."""
    labels, probabilities = zip(*batches, strict=True)
    return torch.cat(labels).cpu(), torch.cat(probabilities).cpu()
