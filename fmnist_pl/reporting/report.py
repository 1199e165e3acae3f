"""Write a report: tables, pictures, and a page of all of it."""

from pathlib import Path

import torch

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.classification_report import report_text, write_report_csv
from fmnist_pl.reporting.evidence import Evidence
from fmnist_pl.reporting.page import report_page
from fmnist_pl.reporting.picture_files import write_pictures
from fmnist_pl.reporting.pictures import pictures_of
from fmnist_pl.reporting.predictions_file import write_predictions

PAGE = "report.html"


def write_report(evidence: Evidence, folder: Path) -> Path:
    """Write all of a report.

    Args:
        evidence: What it is made from.
        folder: Where to; made if it is not there.

    Returns:
        The page.

    Raises:
        UserError: The folder cannot be written.
    """
    evaluation = evidence.evaluation
    with replacing(folder / "classification_report.txt") as file:
        file.write(report_text(evaluation))
    with replacing(folder / "classification_report.csv") as file:
        write_report_csv(file, evaluation)
    labels, probabilities = torch.from_numpy(evaluation.labels), torch.from_numpy(evaluation.probabilities)
    write_predictions(folder / "predictions.csv", labels, probabilities)
    pictures = pictures_of(evidence)
    drawn = write_pictures(pictures, folder, "report")
    with replacing(folder / PAGE) as file:
        file.write(report_page(evidence, pictures, drawn))
    return folder / PAGE
