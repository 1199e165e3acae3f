"""The classification report in the layout that people know from scikit-learn, as text and as CSV."""

import csv
from typing import IO

from fmnist_pl.reporting.judgement import Judgement, Scores

COLUMNS = ("precision", "recall", "f1-score", "support")


def report_text(judgement: Judgement, digits: int = 4) -> str:
    """One line a class, then accuracy and both averages.

    Args:
        judgement: Of the predictions.
        digits: After the point.
    """
    width = max(len(name) for name in [*judgement.class_names, "weighted avg"])

    def line(name: str, scores: Scores) -> str:
        numbers = "".join(f" {value:>9.{digits}f}" for value in (scores.precision, scores.recall, scores.f1))
        return f"{name:>{width}} {numbers} {scores.support:>9}"

    head = f"{'':>{width}} " + "".join(f" {column:>9}" for column in COLUMNS)
    accuracy = f"{'accuracy':>{width}} {'':20} {judgement.accuracy:>9.{digits}f} {len(judgement.labels):>9}"
    averages = [line("macro avg", judgement.macro), line("weighted avg", judgement.weighted)]
    classes = [line(name, scores) for name, scores in judgement.per_class.items()]
    return "\n".join([head, "", *classes, "", accuracy, *averages, ""])


def write_report_csv(file: IO[str], judgement: Judgement) -> None:
    """The same as CSV, at full precision; accuracy stands in the column f1-score, as in the text."""
    writer = csv.writer(file)
    writer.writerow(["", *COLUMNS])
    for name, scores in judgement.per_class.items():
        writer.writerow([name, *vars(scores).values()])
    writer.writerow(["accuracy", "", "", judgement.accuracy, len(judgement.labels)])
    writer.writerow(["macro avg", *vars(judgement.macro).values()])
    writer.writerow(["weighted avg", *vars(judgement.weighted).values()])
