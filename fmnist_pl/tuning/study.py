"""A study that is open: claims trials for a worker, puts back those whose worker died, ends at the exact budget."""

import json
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.configs import Config, with_overrides
from fmnist_pl.tuning.presence import BeatWatch, is_alive_here
from fmnist_pl.tuning.samplers import make_pruner, make_sampler, next_point
from fmnist_pl.tuning.search import DEFAULT_TRIALS, Search
from fmnist_pl.tuning.space import Space
from fmnist_pl.tuning.storage import open_storage, study_lock

DEFINITION = "definition"
OF_THE_MACHINE = (
    "name", "threads", "steps_per_execution", "test_after_fit", "weights_only", "report", "live_pictures", "histograms",
)  # fmt: skip
ATTEMPTS = 2
"""A trial whose process died is tried once more."""


@dataclass
class OpenStudy:
    """A search with its study in the storage."""

    search: Search
    base: Config
    """The complete base config, without the search's overrides."""
    space: Space
    storage: BaseStorage
    study: optuna.Study
    watch: BeatWatch = field(default_factory=BeatWatch)
    opened: datetime = field(default_factory=datetime.now)

    @cached_property
    def budget(self) -> int:
        """Trials in all: what is asked for, or the whole of a grid or of a small space if that is less."""
        search = self.search
        asked = search.n_trials
        if search.sampler_name not in ("grid", "random"):
            return asked or DEFAULT_TRIALS
        size = self.space.size()
        if asked is None and search.sampler_name == "grid" and size is not None:
            return size
        return min(asked or DEFAULT_TRIALS, size or 2**31)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials so far, in the given states or all."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def lock(self) -> AbstractContextManager[None]:
        """One worker at a time, over all processes and machines of the study."""
        return study_lock(self.storage, self.search.home, self.search.name)

    def claim(self, worker: str) -> optuna.Trial | None:
        """Take the next trial for a worker, with its point chosen; ``None`` when there is none left to take."""
        with self.lock():
            self.put_back_the_dead()
            number = len(self.trials())
            if not self.trials(TrialState.WAITING) and (number >= self.budget or not self._enqueue(number)):
                return None
            trial = self._ask(number)
            trial.set_user_attr("attempts", trial.user_attrs.get("attempts", 0) + 1)
            trial.set_user_attr("worker", worker)
            return trial

    def put_back_the_dead(self) -> None:
        """Queue the running trials whose worker died once more, or fail them for good."""
        for trial in self.trials(TrialState.RUNNING):
            if self._is_worked_on(trial):
                continue
            if trial.user_attrs.get("attempts", 1) < ATTEMPTS:
                self.put_back(trial)
            else:
                self.fail(trial, f"its process died {ATTEMPTS} times (out of memory, or killed)")

    def put_back(self, trial: FrozenTrial | optuna.Trial) -> None:
        """Let a running trial wait again: the same trial, at the same point."""
        self.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)

    def fail(self, trial: FrozenTrial | optuna.Trial, reason: str) -> None:
        """End a trial without a score."""
        self.storage.set_trial_user_attr(trial._trial_id, "reason", reason)
        self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

    def owns(self, worker: str, trial: optuna.Trial) -> bool:
        """Whether a trial is still a worker's: not if it was taken for dead, and the trial given to another."""
        now = self.trials()[trial.number]
        return now.state == TrialState.RUNNING and now.user_attrs.get("worker") == worker

    def check_not_only_failures(self, limit: int = 5) -> None:
        """Stop a search of which nothing has come since it was started.

        Raises:
            UserError: The first ``limit`` trials all failed.
        """
        finished = [
            t for t in self.trials() if t.state.is_finished() and (t.datetime_complete or self.opened) >= self.opened
        ]
        if len(finished) >= min(limit, self.budget) and all(t.state == TrialState.FAIL for t in finished):
            reason = finished[-1].user_attrs.get("reason", "for an unknown reason")
            raise UserError(f"all {len(finished)} trials failed, so the search stops; the last one: {reason}")

    def check_all_done(self) -> None:
        """See that the search came to its end.

        Raises:
            UserError: Trials are left, but no worker.
        """
        left = self.trials(TrialState.WAITING, TrialState.RUNNING)
        if left:
            raise UserError(f"{len(left)} trials are left, but every worker was killed: start the command again")

    def _is_worked_on(self, trial: FrozenTrial) -> bool:
        worker = trial.user_attrs.get("worker")
        if worker is None:
            return False  # its worker died between claiming it and saying so
        alive = is_alive_here(worker, self.search.home)
        if alive is None:
            return self.search.storage is not None and not self.watch.has_stopped(trial)
        return alive

    def _enqueue(self, number: int) -> bool:
        """Fix the next trial's point where the user or the sampler names it; whether there is a next one."""
        if number < len(self.search.points):
            self.study.enqueue_trial(self.search.points[number])
        elif self.search.sampler_name in ("grid", "random"):
            point = next_point(self.search, self.space, [trial.params for trial in self.trials()])
            if point is None:
                return False
            self.study.enqueue_trial(point)
        return True

    def _ask(self, number: int) -> optuna.Trial:
        self.study.sampler = make_sampler(self.search, number)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self.study.ask()
                self.space.suggest(trial)
            return trial
        except (TypeError, ValueError) as error:
            self.put_back_the_dead()
            raise UserError(
                f"sampler {self.search.sampler_name} cannot propose a point: {' '.join(str(error).split())}"
            ) from error


def open_study(search: Search, base: Config, space: Space) -> OpenStudy:
    """Open the study of a search, made if it is not there.

    Raises:
        UserError: The storage cannot be used, or holds a study of that name by another search.
    """
    try:
        search.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write the study's folder {search.home}: {error.strerror}; choose another with --folder"
        ) from error
    storage = open_storage(search.storage, search.home)
    pruner = make_pruner(search, with_overrides(search, base)["trainer"]["max_epochs"])
    make_sampler(search, 0)
    up, down = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    directions = [up if objective == "accuracy" else down for objective in search.objectives]
    definition = _definition(search, base)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with study_lock(storage, search.home, search.name):
        study = optuna.create_study(
            storage=storage, pruner=pruner, study_name=search.name, directions=directions, load_if_exists=True
        )
        if DEFINITION not in study.user_attrs and not study.get_trials(deepcopy=False):
            study.set_user_attr(DEFINITION, definition)
    _check_same(search, study.user_attrs.get(DEFINITION), definition)
    return OpenStudy(search, base, space, storage, study)


def _definition(search: Search, base: Config) -> dict[str, Any]:
    """What makes two searches the same: their trials can be compared."""
    config = {key: value for key, value in with_overrides(search, base).items() if key not in OF_THE_MACHINE}
    trainer = config["trainer"]
    config["trainer"] = {key: trainer[key] for key in trainer if key not in ("default_root_dir", "accelerator")}
    config["data"] = {key: value for key, value in config["data"].items() if key not in ("root", "predict_path")}
    own = {key: getattr(search, key) for key in ("space", "objectives", "folds", "repeats")}
    return json.loads(json.dumps(own | {"config": config}, default=str))


def _check_same(search: Search, before: dict[str, Any] | None, now: dict[str, Any]) -> None:
    if before is None:
        raise UserError(f"the study {search.name} was not made by tune.py: take another name with --study-name")
    difference = next(_differences(before, now), None)
    if difference:
        raise UserError(
            f"the study {search.name} in {search.home} was made by another search ({difference}): "
            "give this one a name of its own with --study-name"
        )


def _differences(before: Any, now: Any, key: str = "") -> Any:
    """Where two nested values differ, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for part in [*before, *(part for part in now if part not in before)]:
            name = f"{key}.{part}" if key else part
            if part not in before or part not in now:
                yield f"{name} is {'new' if part in now else 'no longer there'}"
            else:
                yield from _differences(before[part], now[part], name)
    elif before != now:
        yield f"{key} was {json.dumps(before)[:80]}, is {json.dumps(now)[:80]}"
