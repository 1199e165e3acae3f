"""The report of a run, written after its test.

Import this module only to write a report: it imports matplotlib.
"""

import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.utilities.model_summary import ModelSummary

from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.loader import BatchLoader, normalise
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.figures import draw_figures
from fmnist_pl.reporting.findings import Finding, findings
from fmnist_pl.reporting.plots.network import feature_maps, first_filters
from fmnist_pl.reporting.report import write_report
from fmnist_pl.reporting.report_figures import FIGURES, GALLERY, ReportInputs
from fmnist_pl.training.callbacks.tensorboard import augmented_samples, log_test
from fmnist_pl.training.predictions import Predictions
from fmnist_pl.training.trackers import log_report

FOLDER = "report"
MOST_EVALUATED = 10_000  # training images, and validation images, that the report evaluates
PRINTED = 3  # headlines in the terminal


def write_run_report(
    trainer: Trainer,
    predictions: Predictions,
    history: list[dict[str, float]],
    tested_epoch: int | None,
    metrics: dict[str, Any],
    config: dict[str, Any],
) -> None:
    """Write ``report/`` into the run's folder, log the test's figures to all loggers, and print the page's path.

    Args:
        trainer: Trainer that has run the test.
        predictions: Predictions of the test images.
        history: Metrics of each epoch.
        tested_epoch: Epoch of the tested weights, from 0; ``None`` if unknown.
        metrics: Content of metrics.json.
        config: Resolved config as plain data.

    Raises:
        UserError: The folder cannot be written.
    """
    started = time.perf_counter()
    model, data = trainer.lightning_module, trainer.datamodule
    train = data.loaded.train
    images = predictions.images(data.test_data)
    model.eval()
    inputs = ReportInputs(
        evaluation=predictions.evaluation,
        images=images[:, 0].numpy(),
        metrics=metrics,
        config=config,
        model_summary=str(ModelSummary(model, max_depth=2)),
        history=history,
        tested_epoch=tested_epoch,
        train_evaluation=_evaluate(trainer, data.train_data, len(data.val_data) or len(images)),
        val_evaluation=_evaluate(trainer, data.val_data, len(data.val_data)),
        train_images=train.images[:GALLERY, 0].numpy(),
        train_labels=train.labels[:GALLERY].numpy(),
        augmented_images=augmented_samples(data, train.images),
        feature_maps=feature_maps(model.network, normalise(images[:1] / 255).to(model.device, model.dtype)),
        first_filters=first_filters(model.network),
    )
    figures, found = draw_figures(FIGURES, inputs), findings(inputs)
    page = write_report(inputs, found, figures, Path(trainer.loggers[0].log_dir, FOLDER))
    if config["trainer"]["logger"] is not False:
        log_test(trainer, figures, predictions.evaluation, images)
        log_report(trainer, figures.values(), page.parent)
    print(f"  report: {page}  ({time.perf_counter() - started:.1f} s)")
    print(_summary(found), flush=True)


def _evaluate(trainer: Trainer, data: LabelledImages, count: int) -> Evaluation | None:
    """Evaluate the first ``count`` images, at most 10,000, without augmentation; ``None`` if there are none.

    The order of the training and of the validation images is random and stratified, so the first ones are a sample.
    """
    count = min(count, len(data), MOST_EVALUATED)
    if not count:
        return None
    model = trainer.lightning_module
    part = data.part(torch.arange(count, device=data.labels.device))
    loader = BatchLoader(part, trainer.datamodule.eval_batch_size, device=model.device)
    with torch.inference_mode(), trainer.precision_plugin.test_step_context():
        convert = trainer.precision_plugin.convert_input
        logits = torch.cat([model(convert(batch.images)).float() for batch in loader]).cpu()
    return Predictions(torch.arange(count), part.labels.cpu(), logits).evaluation


def _summary(found: Sequence[Finding]) -> str:
    """The headlines of the problems and the first advice, for the terminal."""
    problems = [finding for finding in found if finding.is_problem]
    lines = [f"  findings: {'; '.join(finding.headline.lower() for finding in problems[:PRINTED]) or 'no problem'}"]
    if problems:
        lines.append(
            textwrap.fill(f"  try next: {problems[0].advice.replace('`', '')}", 110, subsequent_indent=" " * 12)
        )
    return "\n".join(lines)
