"""Tables as text: Markdown, the classification report, the summary of a run."""

import csv
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from fmnist_pl.foreign_text import printable

if TYPE_CHECKING:  # tables of a comparison or a study do without torch
    from fmnist_pl.reporting.evaluation import Evaluation, Scores

COLUMNS = ("precision", "recall", "f1-score", "support")


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows of cells, in which anything may stand, as an aligned Markdown table; the first row is the head."""
    rows = [[printable(cell).replace("|", r"\|") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def classification_report(evaluation: "Evaluation", digits: int = 4) -> str:
    """Format precision, recall and F1 of each class in scikit-learn's layout, with ``digits`` decimals."""
    width = max(len(name) for name in [*evaluation.class_names, "weighted avg"])

    def line(name: str, scores: "Scores") -> str:
        numbers = "".join(f" {value:>9.{digits}f}" for value in (scores.precision, scores.recall, scores.f1))
        return f"{name:>{width}} {numbers} {scores.support:>9}"

    head = f"{'':>{width}} " + "".join(f" {column:>9}" for column in COLUMNS)
    accuracy = f"{'accuracy':>{width}} {'':20} {evaluation.accuracy:>9.{digits}f} {len(evaluation.labels):>9}"
    averages = [line("macro avg", evaluation.macro), line("weighted avg", evaluation.weighted)]
    classes = [line(name, scores) for name, scores in evaluation.per_class.items()]
    return "\n".join([head, "", *classes, "", accuracy, *averages, ""])


def write_classification_csv(file: IO[str], evaluation: "Evaluation") -> None:
    """Write the classification report as CSV at full precision; accuracy is in the column f1-score."""
    writer = csv.writer(file)
    writer.writerow(["", *COLUMNS])
    for name, scores in evaluation.per_class.items():
        writer.writerow([name, *vars(scores).values()])
    writer.writerow(["accuracy", "", "", evaluation.accuracy, len(evaluation.labels)])
    writer.writerow(["macro avg", *vars(evaluation.macro).values()])
    writer.writerow(["weighted avg", *vars(evaluation.weighted).values()])


def summary_table(metrics: dict[str, Any], folder: str) -> str:
    """Format the summary that a command prints at its end.

    Args:
        metrics: Content of metrics.json.
        folder: The run's folder.
    """
    rows = [("", "accuracy", "loss")]
    for stage in ("val", "test"):
        if stage in metrics:
            rows.append((stage, f"{metrics[stage]['acc']:.4f}", f"{metrics[stage]['loss']:.4f}"))
    lines = [f"  {stage:<6}{accuracy:>10}{loss:>10}" for stage, accuracy, loss in rows]
    facts = [f"{metrics['data_source']} data", f"{metrics['params']:,} parameters", f"seed {metrics['seed']}"]
    if "epochs" in metrics:
        facts.append(f"{metrics['epochs']} epochs in {metrics['train_seconds']:.1f} s")
        facts.append(f"{metrics['images_per_second']:,.0f} images/s")
    title = f"{metrics['config']}: " + ", ".join(facts)
    if metrics["data_source"] != "real":
        title += "\n  (synthetic images: these metrics say nothing about Fashion-MNIST)"
    return "\n".join(["", title, *lines, f"  files: {folder}", ""])
