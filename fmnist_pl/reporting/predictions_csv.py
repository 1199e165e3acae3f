"""``predictions.csv``, written by a test and by ``train.py predict``."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.errors import UserError

if TYPE_CHECKING:  # a comparison of runs does without torch
    from torch import Tensor

PREDICTIONS = "predictions.csv"
MAX_BYTES = 64 * 2**20  # 130 bytes an image
COLUMNS = ("index", "label", "prediction")


def write_predictions(path: Path, labels: "Tensor", probabilities: "Tensor") -> None:
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
        writer.writerow([*COLUMNS, *(f"p({name})" for name in CLASSES)])
        predictions = probabilities.argmax(dim=1)
        rows = zip(labels.tolist(), predictions.tolist(), probabilities.tolist(), strict=True)
        for index, (label, prediction, row) in enumerate(rows):
            writer.writerow([index, CLASSES[label], CLASSES[prediction], *(f"{p:.6f}" for p in row)])


def read_predictions(path: Path) -> tuple[list[str], list[str]]:
    """Read the names of the labels and of the predicted classes, in the order of the images.

    Raises:
        UserError: The file cannot be read, or was not written by `write_predictions`.
    """
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is no file of at most {MAX_BYTES // 2**20} MB")
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        if tuple(head[:3]) != COLUMNS or not rows or not all(row[1] in CLASSES and row[2] in CLASSES for row in rows):
            raise ValueError("its columns are not those of predictions")
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise UserError(f"cannot read {path} ({error}): is the run complete?") from error
    return [row[1] for row in rows], [row[2] for row in rows]
