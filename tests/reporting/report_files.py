"""The files of a report, for the tests; a helper, not a test."""

import csv
from pathlib import Path

from fmnist_pl.reporting import report_figures

FIGURES = {entry.name for entry in report_figures.FIGURES}
TABLES = {"classification_report.txt", "classification_report.csv", "predictions.csv", "findings.json", "report.html"}


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def predictions(folder: Path) -> list[dict[str, str]]:
    with (folder / "report/predictions.csv").open() as file:
        return list(csv.DictReader(file))
