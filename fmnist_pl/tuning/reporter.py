"""Tells Optuna of each epoch, and stops a trial that it gives up on."""

from collections.abc import Callable

import optuna
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class EpochReporter(Callback):
    """Reports the validation accuracy of each epoch; a hopeless trial ends there.

    The last epoch is never cut off: a trial that came so far has its score.
    """

    def __init__(self, trial: optuna.Trial, pruning: bool, on_epoch: Callable[[], None]) -> None:
        """Args:
        trial: Of the study.
        pruning: Whether the epochs are what is pruned by (folds and seeds are, where a trial has several).
        on_epoch: Called after each epoch.
        """
        self._trial, self._pruning, self._on_epoch = trial, pruning, on_epoch

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        accuracy, epoch = float(trainer.callback_metrics["val/acc"]), trainer.current_epoch
        if self._pruning:
            report(self._trial, accuracy, epoch, is_last=epoch + 1 == trainer.max_epochs)
        self._on_epoch()


def report(trial: optuna.Trial, value: float, step: int, is_last: bool) -> None:
    """Tell Optuna of one more value.

    Raises:
        optuna.TrialPruned: The pruner gives up on the trial.
    """
    frozen = trial.study.get_trials(deepcopy=False)[trial.number]
    if step not in frozen.intermediate_values:  # else it is a trial that was begun before, and says the same
        trial.report(value, step)
    if not is_last and trial.should_prune():
        raise optuna.TrialPruned
