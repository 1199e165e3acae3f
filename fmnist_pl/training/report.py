"""After a test: what every image was taken for, the numbers of it, and the report."""

import time
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from lightning.pytorch.utilities.model_summary import ModelSummary
from torch import Tensor

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.loader import normalise
from fmnist_pl.training.predictions import TestPredictions

FOLDER = "report"
SAMPLES, CHANGED, DRAWS = 25, 8, 3


def write_run_report(
    trainer: Trainer,
    predictions: TestPredictions,
    history: list[dict[str, float]],
    tested_epoch: int | None,
    metrics: dict[str, Any],
    config: dict[str, Any],
) -> None:
    """Write ``report/`` into the run's folder, after a test.

    Args:
        trainer: That has tested.
        predictions: Of the test images.
        history: Of the training.
        tested_epoch: The epoch whose weights were tested.
        metrics: As in metrics.json.
        config: The resolved config as plain data.
    """
    # not for runs without a report, which need none of the drawing
    from fmnist_pl.reporting.evidence import Evidence
    from fmnist_pl.reporting.insides import feature_maps, first_filters
    from fmnist_pl.reporting.report import write_report
    from fmnist_pl.training.evaluation_events import log_evaluation

    started = time.perf_counter()
    folder = Path(trainer.loggers[0].log_dir, FOLDER)
    model, data = trainer.lightning_module, trainer.datamodule
    train = data.loaded.train
    tested = data.test_data.images[predictions.positions.to(data.test_data.images.device)].cpu()
    evaluation = predictions.evaluation
    model.eval()
    evidence = Evidence(
        metrics=metrics,
        config=config,
        model_summary=str(ModelSummary(model, max_depth=2)),
        history=history,
        chosen_epoch=tested_epoch,
        evaluation=evaluation,
        test_images=tested[:, 0].numpy(),
        train_images=train.images[:SAMPLES, 0].numpy(),
        train_labels=train.labels[:SAMPLES].numpy(),
        changed_images=augmented(data, train.images[:CHANGED])[:, :, 0].numpy(),
        feature_maps=feature_maps(model.network, normalise(tested[:1] / 255).to(model.device)),
        first_filters=first_filters(model.network),
    )
    page = write_report(evidence, folder)
    if config["trainer"]["logger"] is not False:
        log_evaluation(trainer, evaluation, tested)
    print(f"  report: {page}  ({time.perf_counter() - started:.1f} s)", flush=True)


def augmented(data: FashionMNISTDataModule, images: Tensor) -> Tensor:
    """What the training's augmentation makes of images, several times.

    Args:
        data: Of the run.
        images: uint8 (N, 1, 28, 28).

    Returns:
        float (draws, N, 1, 28, 28), 0 to 255; no draws where nothing is changed.
    """
    if data.augment == Augment():
        return torch.empty(0, *images.shape)
    generator = torch.Generator().manual_seed(data.seed)
    return torch.stack([data.augment(images.float(), generator) for _ in range(DRAWS)])
