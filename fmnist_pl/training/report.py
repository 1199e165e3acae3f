"""The report of a run, written after its test.

Import this module only to write a report: it imports matplotlib.
"""

import time
from pathlib import Path
from typing import Any

from lightning import Trainer
from lightning.pytorch.utilities.model_summary import ModelSummary

from fmnist_pl.data.loader import normalise
from fmnist_pl.reporting.figures import draw_figures
from fmnist_pl.reporting.plots.network import feature_maps, first_filters
from fmnist_pl.reporting.report import write_report
from fmnist_pl.reporting.report_figures import FIGURES, GALLERY, ReportInputs
from fmnist_pl.training.callbacks.tensorboard import augmented_samples, log_test
from fmnist_pl.training.predictions import Predictions
from fmnist_pl.training.trackers import log_report

FOLDER = "report"


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
        train_images=train.images[:GALLERY, 0].numpy(),
        train_labels=train.labels[:GALLERY].numpy(),
        augmented_images=augmented_samples(data, train.images),
        feature_maps=feature_maps(model.network, normalise(images[:1] / 255).to(model.device, model.dtype)),
        first_filters=first_filters(model.network),
    )
    figures = draw_figures(FIGURES, inputs)
    page = write_report(inputs, figures, Path(trainer.loggers[0].log_dir, FOLDER))
    if config["trainer"]["logger"] is not False:
        log_test(trainer, figures, predictions.evaluation, images)
        log_report(trainer, figures.values(), page.parent)
    print(f"  report: {page}  ({time.perf_counter() - started:.1f} s)", flush=True)
