"""What each command does: LightningCLI with this project's run folders, checkpoints and test after the fit."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from lightning import Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, ProgressBar
from torch import Tensor

from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.reporting.predictions_file import concatenate, write_predictions
from fmnist_pl.reporting.summary import summary_table
from fmnist_pl.training import record
from fmnist_pl.training.callbacks import fit_callbacks
from fmnist_pl.training.callbacks.progress import progress_bar
from fmnist_pl.training.callbacks.stopwatch import Stopwatch
from fmnist_pl.training.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint, figures_of, load_weights
from fmnist_pl.training.command_line import CommandLine
from fmnist_pl.training.execution import Executions
from fmnist_pl.training.hardware import choose_device_type, choose_precision, short_precision
from fmnist_pl.training.interrupted import end_other_processes, how_to_go_on
from fmnist_pl.training.predict_photos import load_shipped, tell_photos
from fmnist_pl.training.run_keeper import RunKeeper
from fmnist_pl.training.run_logger import RunLogger
from fmnist_pl.training.run_report import KeptPredictions, history_beside, write_history, write_run_report
from fmnist_pl.training.steps_per_execution import steps_per_execution


class FashionCLI(CommandLine):
    """Runs one command; ``metrics`` then holds what it came to, as in metrics.json."""

    def __init__(self, args: list[str], callbacks: Sequence[Callback] = ()) -> None:
        self.metrics: dict[str, Any] = {}
        self._extra_callbacks = callbacks
        self._stopwatch = Stopwatch()
        self._kept = KeptPredictions()
        super().__init__(args)

    def before_instantiate_classes(self) -> None:
        threads = self._get(self.config, "threads")
        if threads is not None:
            torch.set_num_threads(threads)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        config = self._get(self.config_init, "trainer")
        device_type = choose_device_type(str(config.accelerator))
        kwargs["precision"] = config.precision or choose_precision(device_type)
        kwargs["logger"] = self._loggers(config.logger, config.default_root_dir)
        if config.enable_progress_bar is None:
            kwargs["enable_progress_bar"] = config.enable_progress_bar = sys.stdout.isatty()
        kwargs["callbacks"] = [*_as_list(config.callbacks), *self._extra_callbacks, *self._callbacks(config)]
        self.save_config_kwargs["plain"] = self.plain_config
        kwargs["plugins"] = [*_as_list(config.plugins), AtomicCheckpointIO()]
        if not self.datamodule.has_validation:
            kwargs["limit_val_batches"] = 0
        try:
            return super().instantiate_trainer(**kwargs)
        except (ValueError, TypeError, ImportError, MisconfigurationException) as error:
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error

    def _loggers(self, configured: Any, root: str) -> list[Any]:
        run_logger = RunLogger(root, self._get(self.config_init, "name"), events=configured is not False)
        return [run_logger, *([] if isinstance(configured, bool) else _as_list(configured))]

    def _callbacks(self, config: Any) -> list[Callback]:
        own_bar = any(isinstance(callback, ProgressBar) for callback in _as_list(config.callbacks))
        callbacks: list[Callback] = [progress_bar()] if config.enable_progress_bar and not own_bar else []
        callbacks.append(self._kept)
        if self._command != "fit":
            return callbacks
        return callbacks + fit_callbacks(self.datamodule, self._stopwatch, self.config_init[self._command])

    def _begin(self) -> None:
        """Check the images, claim the folder and say what will happen, before a process is started or a step made."""
        trainer, data = self.trainer, self.datamodule
        if not trainer.is_global_zero:
            return
        data.prepare_data()
        precision = short_precision(str(trainer.precision))
        print(
            f"{self._command} {self._get(self.config, 'name')}: {data.description}, "
            f"{trainer.world_size} x {trainer.strategy.root_device.type}, {precision}, channels_last, seed {data.seed}",
            flush=True,
        )
        if not trainer.fast_dev_run:
            self._run_folder()

    before_test = _begin

    def before_fit(self) -> None:
        self._begin()
        asked = self._get(self.config, "steps_per_execution")
        steps = steps_per_execution(self.trainer, self.model, self.datamodule.batch_size, asked)
        if steps > 1:
            self.datamodule.steps_per_execution = steps
            self.trainer.callbacks.append(Executions(steps))

    def before_validate(self) -> None:
        if not self.datamodule.has_validation:
            raise UserError("there are no validation images: data.val_fraction is 0")
        self._begin()

    def before_predict(self) -> None:
        if self.trainer.world_size > 1:
            raise UserError("predict runs in one process: leave --trainer.devices at 1")
        if self.datamodule.predict_path is not None and self._get(self.config, "ckpt_path") is None:
            load_shipped(self.model)
        self._begin()

    def _run_subcommand(self, subcommand: str) -> None:
        try:
            super()._run_subcommand(subcommand)
        except BaseException as error:
            end_other_processes(self.trainer)
            if isinstance(error, SystemExit):  # how Lightning ends after Ctrl-C and SIGTERM
                can_go_on = subcommand == "fit" and self.trainer.is_global_zero and not self.trainer.fast_dev_run
                raise StoppedError(how_to_go_on(self._run_folder()) if can_go_on else "stopped") from error
            raise

    def after_fit(self) -> None:
        self.metrics = self._describe() | record.describe_training(self.trainer, self._stopwatch)
        checkpoint = self._checkpoint_to_judge()
        figures = figures_of(checkpoint) or self.trainer.callback_metrics
        if "val/acc" in figures:
            self.metrics["val"] = record.stage_metrics(figures, "val")
        if self._get(self.config, "test_after_fit"):
            load_weights(self.model, checkpoint)
            self.trainer.test(self.model, self.datamodule, verbose=False)
            self.metrics["test"] = self._test_metrics()
        self._finish(self.model.history)

    def after_validate(self) -> None:
        self.metrics = self._describe() | {"val": record.stage_metrics(self.trainer.callback_metrics, "val")}
        self._finish(self.model.history)

    def after_test(self) -> None:
        self.metrics = self._describe() | {"test": self._test_metrics()}
        self._finish(history_beside(self._get(self.config, "ckpt_path"), self.model.history))

    def predict(self, **kwargs: Any) -> None:
        batches = self.trainer.predict(**kwargs)
        if self.trainer.fast_dev_run:
            return
        labels, probabilities = concatenate(cast(list[tuple[Tensor, Tensor]], batches))
        if self.datamodule.photos is not None:
            tell_photos(self.datamodule.photos, probabilities, self._run_folder(), self._get(self.config, "show"))
            return
        path = self._run_folder() / "predictions.csv"
        write_predictions(path, labels, probabilities)
        print(f"{len(labels):,} predictions: {path}")

    def _checkpoint_to_judge(self) -> str | None:
        """The best checkpoint, or the last where nothing was there to choose by; ``None``: the weights as they are."""
        best = [c.best_model_path for c in self.trainer.callbacks if isinstance(c, BestCheckpoint)]
        last = [c.path for c in self.trainer.callbacks if isinstance(c, LastCheckpoint)]
        return next((path for path in best + last if path), None)

    def _test_metrics(self) -> dict[str, Any]:
        return self._kept.evaluation().as_dict() | record.stage_metrics(self.trainer.callback_metrics, "test")

    def _describe(self) -> dict[str, Any]:
        name, seed = self._get(self.config, "name"), self.datamodule.seed
        return record.describe_run(self.trainer, self.model, name, str(self._command), seed)

    def _finish(self, history: list[dict[str, float]]) -> None:
        if not self.trainer.is_global_zero:
            return
        if self.trainer.fast_dev_run:
            print(summary_table(self.metrics, "none (fast_dev_run keeps nothing)"), flush=True)
            return
        record.write_metrics(self._run_folder(), self.metrics)
        keeper = next(c for c in self.trainer.callbacks if isinstance(c, RunKeeper))
        config = keeper.plain_config(self.trainer)
        if self._command == "fit":
            write_history(self._run_folder(), history)
            record.log_hyperparameters(self.trainer, config, self.metrics)
        print(summary_table(self.metrics, str(self._run_folder())), flush=True)
        if "test" in self.metrics and config["report"]:
            write_run_report(self.trainer, self._kept, history, self.metrics, config)

    def _run_folder(self) -> Path:
        """Where this run's files are; for the first process alone."""
        return Path(self.trainer.loggers[0].log_dir)


def _as_list(value: Any) -> list[Any]:
    """What a key of the trainer may hold: nothing, one thing, or several."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
