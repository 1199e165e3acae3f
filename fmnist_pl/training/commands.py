"""The commands of train.py: fit, validate, test, predict. The search, tests and benchmarks use them through `train`."""

import logging
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from fmnist_pl.console import exit_code_of
from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.networks.saved import Checkpoint, read_checkpoint
from fmnist_pl.reporting.predictions_csv import PREDICTIONS, write_predictions
from fmnist_pl.reporting.runs import HISTORY, read_history
from fmnist_pl.reporting.tables import summary_table
from fmnist_pl.start_up import work_begins
from fmnist_pl.training.callbacks.stopwatch import Stopwatch
from fmnist_pl.training.checkpoints import checkpoint_to_test, how_to_resume
from fmnist_pl.training.command_line import split_command
from fmnist_pl.training.hardware import cpu_threads, keep_freed_memory, look_for_gpus_once
from fmnist_pl.training.library_errors import mistake_behind
from fmnist_pl.training.multi_step import MultiStep
from fmnist_pl.training.options import Options
from fmnist_pl.training.photos import predict_photos
from fmnist_pl.training.predictions import CollectPredictions, Predictions, concatenate
from fmnist_pl.training.run_folder import (
    RunRecorder,
    describe_hardware,
    describe_training,
    run_folder,
    write_history,
    write_metrics,
)
from fmnist_pl.training.signals import StoppedBySignal, stop_at_once_on_signals
from fmnist_pl.training.steps_per_execution import steps_per_execution
from fmnist_pl.training.trackers import close_loggers, log_config, log_results, open_trackers

Metrics = dict[str, Any]
"""Content of metrics.json."""

QUIET_LOGGERS = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.fabric.utilities.seed",
    "lightning.fabric.utilities.distributed",  # a line of each process
)
EXPECTED_WARNINGS = (
    "Precision bf16-mixed is not supported by the model summary",  # it only estimates megabytes
    "`torch.jit.trace",  # used for TensorBoard's graph
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",  # within Lightning
    "Be aware that when using `ckpt_path`, callbacks used to create",  # an evaluation needs no checkpoints
    "The number of training batches .* is smaller than the logging interval",  # epochs are logged all the same
)


def main(arguments: list[str] | None = None) -> int:
    """The command line of train.py.

    Returns:
        The exit code: 0; 1 after an error, reported in one line; 128 and the number of the signal that stopped it.
    """
    stop_at_once_on_signals()
    sys.path.append(str(Path.cwd()))  # a config may name a class of a file in the working folder
    return exit_code_of(lambda: train(sys.argv[1:] if arguments is None else arguments))


def train(arguments: list[str], callbacks: Sequence[Callback] = ()) -> Metrics:
    """Run one command of train.py.

    Args:
        arguments: As on the command line: ``["fit", "--config", "cnn.yaml", "--trainer.max_epochs", "3"]``.
        callbacks: More callbacks, beside those of the config.

    Returns:
        The content of metrics.json.

    Raises:
        UserError: The arguments, the images or a checkpoint are not valid, or the training diverged.
        StoppedError: The user stopped it.
    """
    quiet_lightning()
    keep_freed_memory()
    look_for_gpus_once()
    try:
        command, rest = split_command(arguments)
        options = Options(command, rest, callbacks)
        work_begins()
        with cpu_threads(options.threads.number), _ending_together(options):
            return RUN[command](options)
    except Exception as error:
        mistake = mistake_behind(error)
        if mistake is None or mistake is error:
            raise
        raise mistake from error


def fit(options: Options) -> Metrics:
    """Train, then test the best epoch once."""
    trainer, model, data = options.trainer, options.model, options.datamodule
    _start(options)
    steps = steps_per_execution(trainer, model, options.step_flops, options.config.steps_per_execution)
    if steps > 1:
        data.steps_per_execution = steps
        trainer.callbacks.append(MultiStep(steps))
    trainer.fit(model, datamodule=data, **options.call)

    stopwatch = next(callback for callback in trainer.callbacks if isinstance(callback, Stopwatch))
    metrics = _describe(options) | describe_training(trainer, stopwatch)
    selected = checkpoint_to_test(trainer)
    checkpoint = None if selected is None else read_checkpoint(selected)
    history = model.history
    epoch = (history[-1] if history else {}) if checkpoint is None else checkpoint.metrics
    if "val/acc" in epoch:
        metrics["val"] = _stage_metrics(epoch, "val")
    if options.config.test_after_fit:
        if checkpoint is not None:
            model.load_state_dict(checkpoint.state_dict)
        trainer.test(model, datamodule=data, verbose=False)
        metrics["test"] = _predictions(options).evaluation.as_dict()
    _finish(options, metrics, history, None if checkpoint is None else checkpoint.epoch)
    return metrics


def validate(options: Options) -> Metrics:
    """Evaluate on the validation images."""
    if not options.datamodule.has_validation:
        raise UserError("there are no validation images: give data.val_fraction above 0, or data.num_folds")
    _start(options)
    options.trainer.validate(options.model, datamodule=options.datamodule, **options.call)
    metrics = _describe(options) | {"val": _stage_metrics(options.trainer.callback_metrics, "val")}
    _finish(options, metrics, [], None)
    return metrics


def test(options: Options) -> Metrics:
    """Evaluate on the test images and write the report."""
    _start(options)
    path = options.checkpoint_path
    checkpoint = None if path is None else read_checkpoint(path)
    history = [] if checkpoint is None else _whole_history(checkpoint)
    options.trainer.test(options.model, datamodule=options.datamodule, **options.call)
    metrics = _describe(options) | {"test": _predictions(options).evaluation.as_dict()}
    _finish(options, metrics, history, None if checkpoint is None else checkpoint.epoch)
    return metrics


def predict(options: Options) -> Metrics:
    """Write the predictions for the test images, or for photos."""
    trainer, data = options.trainer, options.datamodule
    if trainer.world_size > 1:
        raise UserError("predict runs in one process: give --trainer.devices 1")
    if data.predict_path is not None:
        predict_photos(options)
        return {}
    _start(options)
    batches = trainer.predict(options.model, datamodule=data, **options.call)
    if batches and not trainer.fast_dev_run:
        labels, probabilities = concatenate(batches)
        path = run_folder(trainer) / PREDICTIONS
        write_predictions(path, labels, probabilities)
        print(f"{len(labels):,} predictions: {path}")
    return {}


RUN = {"fit": fit, "validate": validate, "test": test, "predict": predict}


def quiet_lightning() -> None:
    """Hide Lightning's greetings, and warnings of what is intended."""
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


@contextmanager
def _ending_together(options: Options) -> Iterator[None]:
    """End the processes of the other devices with this one, and say how to continue a stopped training."""
    trainer = options.trainer
    try:
        yield
    except BaseException as error:
        close_loggers(trainer, is_success=False)
        launcher = trainer.strategy.launcher
        if hasattr(launcher, "kill") and not isinstance(error, StoppedBySignal):  # else they end by themselves
            launcher.kill(signal.SIGTERM)
        if isinstance(error, SystemExit):  # how Lightning ends after Ctrl-C and SIGTERM
            if not trainer.is_global_zero:  # the first process reports it, and is not killed while this one ends with 0
                raise SystemExit(0 if isinstance(error, StoppedBySignal) else 1) from error
            can_resume = options.command == "fit" and not trainer.fast_dev_run
            raise StoppedError(
                how_to_resume(run_folder(trainer), options.datamodule) if can_resume else "stopped"
            ) from error
        raise
    close_loggers(trainer, is_success=True)


def _start(options: Options) -> None:
    """Check the images, claim the run's folder and print what follows, before any process or step is started."""
    trainer, data = options.trainer, options.datamodule
    if not trainer.is_global_zero:
        return
    data.prepare_data()
    number_format, (threads, why) = options.number_format, options.threads
    print(
        f"{options.command} {options.config.name}: {data.loaded.source} images, "
        f"{trainer.world_size} x {trainer.strategy.root_device.type}, {number_format.short}, channels_last, "
        f"seed {data.seed}\n"
        f"{number_format.short}: {number_format.reason}; {threads} thread{'s' if threads > 1 else ''}: {why}",
        flush=True,
    )
    if options.command == "fit" and options.config.ckpt_path is not None:
        start = "no stopped run of this name, so it starts afresh"
        print(start if options.checkpoint_path is None else f"continues {options.checkpoint_path}", flush=True)
    if not trainer.fast_dev_run:
        open_trackers(trainer)
        run_folder(trainer)
        images = options.plain_config["data"] | {"source": data.loaded.source}
        log_config(trainer, options.plain_config | {"data": images})


def _finish(options: Options, metrics: Metrics, history: list[dict[str, float]], tested_epoch: int | None) -> None:
    """Write and print the results of a run.

    Args:
        options: Of the command.
        metrics: Content of metrics.json.
        history: Metrics of each epoch of the training.
        tested_epoch: The epoch whose weights were tested, from 0; ``None`` if it is not known.
    """
    trainer = options.trainer
    if not trainer.is_global_zero:
        return
    if trainer.fast_dev_run:
        print(summary_table(metrics, "none (fast_dev_run keeps nothing)"), flush=True)
        return
    folder = run_folder(trainer)
    write_metrics(folder, metrics)
    config = next(callback for callback in trainer.callbacks if isinstance(callback, RunRecorder)).config(trainer)
    if options.command == "fit":
        write_history(folder, history)
    log_results(trainer, config, metrics)
    print(summary_table(metrics, str(folder)), flush=True)
    if "test" in metrics and config["report"]:
        from fmnist_pl.training.report import write_run_report  # imports matplotlib

        write_run_report(trainer, _predictions(options), history, tested_epoch, metrics, config)


def _describe(options: Options) -> Metrics:
    data = options.datamodule
    run = {"config": options.config.name, "command": options.command, "data_source": data.loaded.source}
    hardware = describe_hardware(options.trainer, options.model, options.number_format)
    return run | {"seed": data.seed} | hardware


def _stage_metrics(metrics: Any, stage: str) -> dict[str, float]:
    """``{"acc": .., "loss": ..}`` of a stage, from metrics named ``stage/name``."""
    return {name: round(float(metrics[f"{stage}/{name}"]), 6) for name in ("acc", "loss")}


def _predictions(options: Options) -> Predictions:
    """The predictions of the last test."""
    callbacks = options.trainer.callbacks
    return next(callback for callback in callbacks if isinstance(callback, CollectPredictions)).predictions


def _whole_history(checkpoint: Checkpoint) -> list[dict[str, float]]:
    """The history of the run that a checkpoint is of; the checkpoint itself holds only the epochs before it."""
    path = checkpoint.path.absolute().parents[1] / HISTORY
    whole = read_history(path) if path.is_file() else []
    return whole if whole[: len(checkpoint.history)] == checkpoint.history else checkpoint.history
