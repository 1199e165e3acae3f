"""``predictions.csv``, written by a test and by ``train.py predict``."""

import csv
from pathlib import Path

from torch import Tensor

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.facts import CLASSES


def write_predictions(path: Path, labels: Tensor, probabilities: Tensor) -> None:
    """Write one line per image, in the order of the data set: index, label, prediction, probability of each class.

    Args:
        path: Target file; an existing file is replaced.
        labels: int64 (N,).
        probabilities: float (N, classes).

    Raises:
        UserError: The file cannot be written.
    """
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(["index", "label", "prediction", *(f"p({name})" for name in CLASSES)])
        predictions = probabilities.argmax(dim=1)
        rows = zip(labels.tolist(), predictions.tolist(), probabilities.tolist(), strict=True)
        for index, (label, prediction, row) in enumerate(rows):
            writer.writerow([index, CLASSES[label], CLASSES[prediction], *(f"{p:.6f}" for p in row)])
