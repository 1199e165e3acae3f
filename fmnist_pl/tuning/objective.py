"""One trial: a config made from its point, trained as train.py trains it, once for each fold and seed."""

import contextlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.tuning.configs import Config, in_trial, trainings, with_overrides, write_config
from fmnist_pl.tuning.reporter import EpochReporter, report
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.space import Space


class Objective:
    """From a trial to its values, one for each objective."""

    def __init__(self, search: Search, base: Config, space: Space, threads: int) -> None:
        """Args:
        search: What is searched.
        base: The complete base config.
        space: What the trial's point is of.
        threads: CPU threads of a training.
        """
        self._search, self._space, self._threads = search, space, threads
        self._base = with_overrides(search, base)

    def __call__(self, trial: optuna.Trial, on_epoch: Callable[[], None]) -> list[float]:
        """Train; the scores so far and the time are kept as attributes of the trial.

        Raises:
            optuna.TrialPruned: It was given up on.
            UserError: The training came to nothing (it diverged, say).
        """
        config = self._space.apply(trial.params, self._base)
        folder = trial_folder(self._search, trial.number)
        scores: list[float] = []
        started = time.perf_counter()
        for part, training in enumerate(trainings(self._search, config)):
            metrics = self._train(trial, training, folder, part, on_epoch)
            scores.append(_validation_accuracy(metrics))
            trial.set_user_attr("scores", scores)
            trial.set_user_attr("threads", self._threads)
            trial.set_user_attr("seconds", round(time.perf_counter() - started, 2))
            trial.set_user_attr("parameters", metrics["params"])
            if self._search.scores_per_trial > 1 and len(self._search.objectives) == 1:
                report(trial, statistics.mean(scores), part, is_last=part + 1 == self._search.scores_per_trial)
        values = {"accuracy": statistics.mean(scores), "parameters": float(metrics["params"])}
        return [values[objective] for objective in self._search.objectives]

    def _train(
        self, trial: optuna.Trial, config: Config, folder: Path, part: int, on_epoch: Callable[[], None]
    ) -> dict[str, Any]:
        name = f"score_{part + 1}"
        path = write_config(in_trial(config, folder, name, self._threads), folder / f"{name}.yaml")
        pruning = self._search.scores_per_trial == 1 and len(self._search.objectives) == 1
        with (folder / "log.txt").open("a") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            return train(["fit", "--config", str(path)], [EpochReporter(trial, pruning, on_epoch)])


def trial_folder(search: Search, number: int) -> Path:
    """Where the configs, the log and the runs of a trial are."""
    return search.home / "trials" / f"trial_{number:04}"


def _validation_accuracy(metrics: dict[str, Any]) -> float:
    if "val" not in metrics:
        raise UserError("there were no validation images to score by: set data.val_fraction, or folds")
    return metrics["val"]["acc"]
