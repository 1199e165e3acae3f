"""``metrics.json``: what a run came to, for people and programs."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning import LightningModule, Trainer

from fmnist_pl import __version__
from fmnist_pl.atomic_files import replacing
from fmnist_pl.training.callbacks.stopwatch import Stopwatch
from fmnist_pl.training.hardware import device_name, short_precision

FILE_NAME = "metrics.json"


def describe_run(trainer: Trainer, model: LightningModule, config: str, command: str, seed: int) -> dict[str, Any]:
    """What was run, on what."""
    device = trainer.strategy.root_device
    return {
        "config": config,
        "command": command,
        "data_source": trainer.datamodule.loaded_source,
        "seed": seed,
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "device": device.type,
        "device_name": device_name(device),
        "devices": trainer.world_size,
        "precision": short_precision(str(trainer.precision)),
        "versions": {
            "fmnist_pl": __version__,
            "lightning": lightning.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def describe_training(trainer: Trainer, stopwatch: Stopwatch) -> dict[str, Any]:
    """How long the training took."""
    return {
        "epochs": trainer.current_epoch,
        "train_seconds": round(stopwatch.seconds, 3),
        "compile_seconds": round(stopwatch.compile_seconds, 3),
        "images_per_second": round(stopwatch.images_per_second, 1),
        "steps_per_execution": trainer.datamodule.steps_per_execution,
    }


def stage_metrics(figures: Mapping[str, Any], stage: str) -> dict[str, float]:
    """``{"acc": .., "loss": ..}`` of a stage, from figures named ``stage/name``."""
    return {name: round(float(figures[f"{stage}/{name}"]), 6) for name in ("acc", "loss")}


def log_hyperparameters(trainer: Trainer, config: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Fill TensorBoard's HParams tab: what was chosen, and what came of it."""
    chosen = {key: config[key] for key in ("seed_everything", "model", "data", "optimizer", "lr_scheduler")}
    chosen["max_epochs"] = config["trainer"]["max_epochs"]
    figures = {
        f"final/{stage}_{name}": value
        for stage in ("val", "test")
        for name, value in metrics.get(stage, {}).items()
        if isinstance(value, float)
    }
    if trainer.logger is not None and figures:
        trainer.logger.log_hyperparams(chosen, figures)


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Write ``metrics.json`` into the run's folder."""
    with replacing(folder / FILE_NAME) as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")
