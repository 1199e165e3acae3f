"""Objective of a trial: its config trained as train.py trains it, once for every fold and seed."""

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.training.predictions import CollectBestEpoch
from fmnist_pl.tuning.patience import VALIDATION_IMAGES
from fmnist_pl.tuning.plan import Plan, quiet_training, write_config


class Objective:
    """Maps a trial to its values, one for each objective."""

    def __init__(self, plan: Plan, threads: int, on_epoch: Callable[[], None]) -> None:
        """Args:
        plan: Of the search.
        threads: CPU threads of a training, at most.
        on_epoch: Called after each epoch.
        """
        self._plan, self._threads, self._on_epoch = plan, threads, on_epoch
        self.best_epoch = CollectBestEpoch()  # of the first training of the last trial

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Train. The scores so far, the seconds and the number of parameters are stored as attributes of the trial.

        Raises:
            optuna.TrialPruned: The pruner stops the trial.
            UserError: A training failed, because it diverged, say.
        """
        search, scores, started = self._plan.search, list[float](), time.perf_counter()
        one_objective = len(search.objectives) == 1
        self.best_epoch = CollectBestEpoch()
        for number, config in enumerate(self._plan.trial_trainings(trial.params), 1):
            reporter = EpochReporter(trial, one_objective and search.scores_per_trial == 1, self._on_epoch)
            callbacks = [reporter, self.best_epoch] if number == 1 else [reporter]
            metrics = self._train(config, self._plan.trial_folder(trial.number), f"score_{number}", callbacks)
            if "val" not in metrics:
                raise UserError("there are no validation images to score by: set data.val_fraction, or folds")
            scores.append(metrics["val"]["acc"])
            if self.best_epoch.predictions is not None:
                trial.set_user_attr(VALIDATION_IMAGES, len(self.best_epoch.predictions.labels))
            trial.set_user_attr("scores", scores)
            trial.set_user_attr("threads", metrics["threads"])
            trial.set_user_attr("seconds", round(time.perf_counter() - started, 2))
            trial.set_user_attr("parameters", metrics["params"])
            if one_objective and search.scores_per_trial > 1:
                report(trial, statistics.mean(scores), number - 1, is_last=number == search.scores_per_trial)
        values = {"accuracy": statistics.mean(scores), "parameters": float(metrics["params"])}
        return [values[objective] for objective in search.objectives]

    def _train(self, config: Config, folder: Path, name: str, callbacks: Sequence[Callback]) -> dict[str, Any]:
        path = write_config(quiet_training(config, folder, name, self._threads), folder / f"{name}.yaml")
        with (folder / "log.txt").open("a") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            return train(["fit", "--config", str(path)], callbacks)


class EpochReporter(Callback):
    """Reports the validation accuracy of each epoch to Optuna, and ends a trial that the pruner stops.

    The last epoch is reported but never pruned: the trial has its score by then.
    """

    def __init__(self, trial: optuna.Trial, pruning: bool, on_epoch: Callable[[], None]) -> None:
        """Args:
        trial: Of the study.
        pruning: Whether the trial is pruned by its epochs (otherwise by the scores of its folds and seeds, or never).
        on_epoch: Called after each epoch.
        """
        self._trial, self._pruning, self._on_epoch = trial, pruning, on_epoch

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        accuracy, epoch = float(trainer.callback_metrics["val/acc"]), trainer.current_epoch
        if self._pruning:
            report(self._trial, accuracy, epoch, is_last=epoch + 1 == trainer.max_epochs)
        self._on_epoch()


def report(trial: optuna.Trial, value: float, step: int, is_last: bool) -> None:
    """Report an intermediate value to Optuna.

    Raises:
        optuna.TrialPruned: The pruner stops the trial.
    """
    frozen = trial.study.get_trials(deepcopy=False)[trial.number]
    if step not in frozen.intermediate_values:  # a requeued trial has reported the same value before
        trial.report(value, step)
    if not is_last and trial.should_prune():
        raise optuna.TrialPruned
