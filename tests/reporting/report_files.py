"""The files of a report, for the tests; a helper, not a test."""

import csv
from pathlib import Path

FIGURES = {
    "learning_curves", "confusion_matrix", "f1_per_class", "train_samples", "augmented_samples", "test_samples",
    "mistakes", "feature_maps", "first_filters", "reliability",
}  # fmt: skip
TABLES = {"classification_report.txt", "classification_report.csv", "predictions.csv", "report.html"}


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def predictions(folder: Path) -> list[dict[str, str]]:
    with (folder / "report/predictions.csv").open() as file:
        return list(csv.DictReader(file))
