"""A worker: claims trials of the study and runs them until the budget is used up."""

import gc
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Any

import optuna
import torch
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from fmnist_pl.errors import StoppedError, UserError, is_of_the_disk
from fmnist_pl.tuning.artifacts import draw_artifacts, drop_checkpoint, upload_artifacts
from fmnist_pl.tuning.liveness import Heartbeat, WorkerLock
from fmnist_pl.tuning.objective import Objective
from fmnist_pl.tuning.results import track_trials, write_events
from fmnist_pl.tuning.study import TrialQueue

SECONDS_BETWEEN_LOOKS = 1.0
FAILURES_TO_STOP = 5


class Worker:
    """Runs trials in this process."""

    def __init__(self, queue: TrialQueue, threads: int, on_change: Callable[[], None] = lambda: None) -> None:
        """Args:
        queue: Trials of the study.
        threads: CPU threads of a training, at most.
        on_change: Called after each epoch and each trial.
        """
        self._queue, self._on_change = queue, on_change
        self._objective = Objective(queue.plan, threads, on_change)
        self._lock = WorkerLock(queue.plan.search.home)
        self._started = datetime.now()

    def run(self) -> None:
        """Run trials until the budget is used up, by this worker and all others.

        Raises:
            StoppedError: The user stopped it; its trial is requeued.
            UserError: All trials failed, or the disk is full; then the trial is requeued.
        """
        try:
            while True:
                trial = self._queue.claim(self._lock.worker)
                if trial is not None:
                    self._run_trial(trial)
                    self._check_failures()
                elif self._queue.trials(TrialState.RUNNING, TrialState.WAITING):
                    time.sleep(SECONDS_BETWEEN_LOOKS)  # other workers run the last trials; their claims may lapse
                else:
                    return
                self._on_change()
        except KeyboardInterrupt as error:
            raise StoppedError("stopped") from error
        finally:
            self._lock.release()

    def _run_trial(self, trial: optuna.Trial) -> None:
        queue = self._queue
        end: partial[Any]
        # only other machines need a heartbeat, and only a database is shared with them
        heartbeat = Heartbeat(trial) if isinstance(queue.storage, RDBStorage) else nullcontext()
        try:
            with heartbeat:
                values = self._objective(trial)
                if queue.is_among_best(trial, values):
                    upload_artifacts(queue.plan, trial, draw_artifacts(self._objective.best_epoch))
                end = partial(queue.study.tell, trial, values)  # Optuna accepts no artifact after it
        except optuna.TrialPruned:
            end = partial(queue.study.tell, trial, state=TrialState.PRUNED)
        except (StoppedError, KeyboardInterrupt, SystemExit) as error:
            self._give_back(trial)
            raise StoppedError("stopped") from error
        except Exception as error:  # the search continues, whatever the cause
            if is_of_the_disk(error):  # every other trial would fail too
                self._give_back(trial)
                raise UserError(f"{_reason(error)}; then run the same command again to continue") from error
            with (queue.plan.trial_folder(trial.number) / "log.txt").open("a") as log:
                traceback.print_exc(file=log)
            end = partial(queue.fail, trial, _reason(error))
        with queue.lock():
            if not queue.holds(self._lock.worker, trial):
                return  # the claim lapsed while this machine was suspended, say, and another worker has the trial
            end()
        self._clean_up(trial.number)

    def _give_back(self, trial: optuna.Trial) -> None:
        """Requeue a trial; its attempt does not count."""
        with self._queue.lock():
            if self._queue.holds(self._lock.worker, trial):
                trial.set_user_attr("attempts", trial.user_attrs["attempts"] - 1)
                self._queue.requeue(trial)

    def _check_failures(self) -> None:
        """Stop a search without a single success since this worker started."""
        trials, started = self._queue.trials(), self._started
        finished = [t for t in trials if t.state.is_finished() and (t.datetime_complete or started) >= started]
        enough = min(FAILURES_TO_STOP, self._queue.plan.budget)
        if len(finished) >= enough and all(trial.state == TrialState.FAIL for trial in finished):
            reason = finished[-1].user_attrs.get("reason", "unknown")
            raise UserError(f"all {len(finished)} trials failed, so the search stops; the last one: {reason}")

    def _clean_up(self, number: int) -> None:
        """Write the trial's events; delete the weights of trials that are not among the best; free memory."""
        plan, trials = self._queue.plan, self._queue.trials()
        write_events(plan, self._queue.trial(number))
        try:
            track_trials(self._queue)
        except Exception as error:  # the search continues; the trial is written at its end
            print(f"trial {number} is not in MLflow: {_reason(error)}", file=sys.stderr, flush=True)
        best = {trial.number for trial in self._queue.ranked()[: plan.search.keep]}
        for trial in trials:
            if trial.state.is_finished() and trial.number not in best:
                for folder in plan.trial_folder(trial.number).glob("score_*/version_*/checkpoints"):
                    drop_checkpoint(self._queue, trial)
                    shutil.rmtree(folder, ignore_errors=True)
        gc.collect()  # a trainer and its callbacks refer to each other
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _reason(error: Exception) -> str:
    """Why a trial failed, in one line."""
    message = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message:
        return f"out of memory: {message}"
    return message if isinstance(error, UserError) else f"{type(error).__name__}: {message}"
