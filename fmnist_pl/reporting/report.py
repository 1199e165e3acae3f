"""Write the report of a test: tables, figures, and a page with all of it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import torch
import yaml

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.evaluation import hardest_pairs
from fmnist_pl.reporting.figures import DrawnFigure, write_figures
from fmnist_pl.reporting.findings import Finding
from fmnist_pl.reporting.html import render
from fmnist_pl.reporting.predictions_csv import PREDICTIONS, write_predictions
from fmnist_pl.reporting.report_figures import SECTIONS, ReportInputs
from fmnist_pl.reporting.tables import classification_report, write_classification_csv

PAGE = "report.html"
PAIRS, EXAMPLES = 6, 8  # hardest pairs of classes, and examples of each


def write_report(
    inputs: ReportInputs, found: Sequence[Finding], figures: Mapping[str, DrawnFigure], folder: Path
) -> Path:
    """Write all files of a report.

    Args:
        inputs: Run and evaluation.
        found: What the evaluation means, the sentences above the tables.
        figures: The drawn `FIGURES`, by name.
        folder: Target folder, created if needed.

    Returns:
        Path of the page.

    Raises:
        UserError: The folder cannot be written.
    """
    evaluation = inputs.evaluation
    with replacing(folder / "classification_report.txt") as file:
        file.write(classification_report(evaluation))
    with replacing(folder / "classification_report.csv") as file:
        write_classification_csv(file, evaluation)
    labels, probabilities = torch.from_numpy(evaluation.labels), torch.from_numpy(evaluation.probabilities)
    write_predictions(folder / PREDICTIONS, labels, probabilities)
    write_figures(figures.values(), folder)
    with replacing(folder / "findings.json") as file:
        json.dump([asdict(finding) for finding in found], file, indent=1)
        file.write("\n")
    with replacing(folder / PAGE) as file:
        file.write(report_page(inputs, found, figures))
    return folder / PAGE


def report_page(inputs: ReportInputs, found: Sequence[Finding], figures: Mapping[str, DrawnFigure]) -> str:
    """Render the page of a report."""
    metrics = inputs.metrics
    return render(
        "report.html",
        title=f"{metrics['config']}: report of a run on {metrics['data_source']} images",
        metrics=metrics,
        evaluation=inputs.evaluation,
        findings=found,
        sections=SECTIONS,
        figures=figures,
        pairs=_pair_rows(inputs),
        config=yaml.safe_dump(inputs.config, sort_keys=False),
        model_summary=inputs.model_summary,
        tested_epoch=inputs.tested_epoch,
    )


def _pair_rows(inputs: ReportInputs) -> list[dict[str, Any]]:
    """The pairs of classes with the most mistakes between them, with examples."""
    evaluation, names = inputs.evaluation, inputs.class_names
    confusion = evaluation.confusion
    return [
        {
            "first": names[a],
            "second": names[b],
            "errors": int(confusion[a, b] + confusion[b, a]),
            "first_as_second": int(confusion[a, b]),
            "second_as_first": int(confusion[b, a]),
            "fraction": (confusion[a, b] + confusion[b, a]) / (confusion[a].sum() + confusion[b].sum()),
            "examples": [
                {"png": _small_png(inputs.images[i]), "text": evaluation.caption(i)}
                for i in evaluation.mistakes_between((a, b), EXAMPLES)
            ],
        }
        for a, b in hardest_pairs(confusion, PAIRS)
    ]


def _small_png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    matplotlib.image.imsave(content, image, cmap="gray", vmin=0, vmax=255, format="png")
    return content.getvalue()
