"""The classification report in the layout that people know from scikit-learn, as text and as CSV."""

import csv
from typing import IO

from fmnist_pl.reporting.evaluation import Evaluation, Scores

COLUMNS = ("precision", "recall", "f1-score", "support")


def report_text(evaluation: Evaluation, digits: int = 4) -> str:
    """One line a class, then accuracy and both averages.

    Args:
        evaluation: Of the predictions.
        digits: After the point.
    """
    width = max(len(name) for name in [*evaluation.class_names, "weighted avg"])

    def line(name: str, scores: Scores) -> str:
        numbers = "".join(f" {value:>9.{digits}f}" for value in (scores.precision, scores.recall, scores.f1))
        return f"{name:>{width}} {numbers} {scores.support:>9}"

    head = f"{'':>{width}} " + "".join(f" {column:>9}" for column in COLUMNS)
    accuracy = f"{'accuracy':>{width}} {'':20} {evaluation.accuracy:>9.{digits}f} {len(evaluation.labels):>9}"
    averages = [line("macro avg", evaluation.macro), line("weighted avg", evaluation.weighted)]
    classes = [line(name, scores) for name, scores in evaluation.per_class.items()]
    return "\n".join([head, "", *classes, "", accuracy, *averages, ""])


def write_report_csv(file: IO[str], evaluation: Evaluation) -> None:
    """The same as CSV, at full precision; accuracy stands in the column f1-score, as in the text."""
    writer = csv.writer(file)
    writer.writerow(["", *COLUMNS])
    for name, scores in evaluation.per_class.items():
        writer.writerow([name, *vars(scores).values()])
    writer.writerow(["accuracy", "", "", evaluation.accuracy, len(evaluation.labels)])
    writer.writerow(["macro avg", *vars(evaluation.macro).values()])
    writer.writerow(["weighted avg", *vars(evaluation.weighted).values()])
