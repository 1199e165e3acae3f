"""A worker: takes trials of the study until there are none left."""

import gc
import shutil
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import optuna
import torch
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.tuning.events import write_events
from fmnist_pl.tuning.objective import Objective, trial_folder
from fmnist_pl.tuning.presence import Heart, Presence
from fmnist_pl.tuning.ranking import ranked
from fmnist_pl.tuning.study import OpenStudy

SECONDS_BETWEEN_LOOKS = 1.0


def work(opened: OpenStudy, threads: int, on_change: Callable[[], None] = lambda: None) -> None:
    """Run trials until the budget of the study is used up, by this worker and all others.

    Args:
        opened: The study.
        threads: CPU threads of a training.
        on_change: Called after each epoch and each trial.

    Raises:
        StoppedError: The user stopped it; the trial it was at waits to be begun again.
        UserError: Nothing but failures came.
    """
    objective = Objective(opened.search, opened.base, opened.space, threads)
    presence = Presence(opened.search.home)
    try:
        while True:
            trial = opened.claim(presence.worker)
            if trial is not None:
                _run(opened, objective, trial, presence.worker, on_change)
                opened.check_not_only_failures()
            elif opened.trials(TrialState.RUNNING, TrialState.WAITING):
                time.sleep(SECONDS_BETWEEN_LOOKS)  # others are at the last trials; should they die, we take them
            else:
                return
            on_change()
    except KeyboardInterrupt as error:
        raise StoppedError("stopped") from error
    finally:
        presence.leave()


def _run(
    opened: OpenStudy, objective: Objective, trial: optuna.Trial, worker: str, on_change: Callable[[], None]
) -> None:
    end: partial[Any]
    try:
        values = _evaluate(opened, objective, trial, on_change)
    except optuna.TrialPruned:
        end = partial(opened.study.tell, trial, state=TrialState.PRUNED)
    except (StoppedError, KeyboardInterrupt, SystemExit) as error:
        with opened.lock():
            if opened.owns(worker, trial):
                trial.set_user_attr("attempts", trial.user_attrs["attempts"] - 1)
                opened.put_back(trial)
        raise StoppedError("stopped") from error
    except Exception as error:  # whatever befalls a trial, the search goes on
        with (trial_folder(opened.search, trial.number) / "log.txt").open("a") as log:
            traceback.print_exc(file=log)
        end = partial(opened.fail, trial, reason_of(error))
    else:
        end = partial(opened.study.tell, trial, values)
    with opened.lock():
        if not opened.owns(worker, trial):
            return  # we were away for so long that we were taken for dead: another is at it
        end()
    _tidy(opened, trial.number)


def _evaluate(
    opened: OpenStudy, objective: Objective, trial: optuna.Trial, on_change: Callable[[], None]
) -> list[float]:
    if not isinstance(opened.storage, RDBStorage):
        return objective(trial, on_change)
    with Heart(opened.storage, trial._trial_id):
        return objective(trial, on_change)


def reason_of(error: Exception) -> str:
    """Why a trial failed, in a line."""
    message = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message:
        return f"out of memory: {message}"
    return message if isinstance(error, UserError) else f"{type(error).__name__}: {message}"


def _tidy(opened: OpenStudy, number: int) -> None:
    """Write the trial's events; drop the weights of trials that are not among the best; give memory back."""
    trial = opened.trials()[number]
    write_events(opened.search, trial)
    kept = {best.number for best in ranked(opened)[: opened.search.keep]}
    for other in opened.trials():
        if other.state.is_finished() and other.number not in kept:
            _drop_weights(opened, other)
    gc.collect()  # a trainer and its callbacks hold each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _drop_weights(opened: OpenStudy, trial: FrozenTrial) -> None:
    for folder in trial_folder(opened.search, trial.number).glob("score_*/version_*/checkpoints"):
        shutil.rmtree(folder, ignore_errors=True)
