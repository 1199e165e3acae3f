"""The study of a plan, as a queue of trials that workers claim one by one, up to the exact budget."""

import json
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.config import recipe_of
from fmnist_pl.errors import UserError
from fmnist_pl.training.hardware import choose_device_type
from fmnist_pl.training.number_format import BF16, FLOAT32, choose_number_format
from fmnist_pl.tuning.dotted_keys import set_keys
from fmnist_pl.tuning.limits import SIZE, is_over, is_rejected
from fmnist_pl.tuning.liveness import HeartbeatMonitor, is_alive_here, is_of_this_machine
from fmnist_pl.tuning.patience import VALIDATION_IMAGES, is_out_of_patience
from fmnist_pl.tuning.plan import Plan
from fmnist_pl.tuning.samplers import make_pruner, make_sampler, next_params
from fmnist_pl.tuning.storage import open_storage, study_lock

DEFINITION, PRECISION = "definition", "precision"
ATTRIBUTES = {
    "attempts": int, "worker": str, "threads": int, "seconds": int | float, "scores": list, "reason": str,
    VALIDATION_IMAGES: int, SIZE: dict,
}  # fmt: skip
"""Attributes of a trial, and their types."""
ATTEMPTS = 2
"""Number of times that a trial is started: its process may die once."""


@dataclass
class TrialQueue:
    """The trials of a study.

    A worker claims a trial, and holds it while its lock file or its heartbeat shows that it is alive. A claim that has
    lapsed goes to another worker. Points over the limits are in the study, where the sampler learns from them, and are
    not among the trials here: their numbers are missing.
    """

    plan: Plan
    storage: BaseStorage
    study: optuna.Study
    _monitor: HeartbeatMonitor = field(default_factory=HeartbeatMonitor)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials so far, in the given states, or all."""
        found = self.study.get_trials(deepcopy=False, states=states or None)
        return [trial for trial in found if not is_rejected(trial)]

    def trial(self, number: int) -> FrozenTrial:
        """The trial of this number, as it is now."""
        return self.study.get_trials(deepcopy=False)[number]

    def count_rejected(self) -> int:
        """Number of points over the limits that were sampled."""
        return sum(is_rejected(trial) for trial in self.study.get_trials(deepcopy=False))

    def ranked(self) -> list[FrozenTrial]:
        """The complete trials, best first: by accuracy if it is an objective; ties by number."""
        return sorted(self.trials(TrialState.COMPLETE), key=lambda trial: self._rank(trial.values, trial.number))

    def is_among_best(self, trial: optuna.Trial, values: list[float]) -> bool:
        """Whether a running trial would be one of the best trials, which keep their weights, with these values."""
        rank = self._rank(values, trial.number)
        better = sum(self._rank(other.values, other.number) < rank for other in self.trials(TrialState.COMPLETE))
        return better < self.plan.search.keep

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the last trials gained too little to start another one."""
        return is_out_of_patience(self.plan.search, self.trials())

    def lock(self) -> AbstractContextManager[None]:
        """Hold the study's lock, which one process has at a time, over all machines."""
        return study_lock(self.storage, self.plan.search.home, self.plan.search.name)

    def claim(self, worker: str) -> optuna.Trial | None:
        """Claim the next trial for a worker, with its params sampled; ``None`` if the budget is used up.

        Raises:
            UserError: The sampler cannot sample, or finds no params within the limits.
        """
        while True:
            with self.lock():  # released between two samples, so that other workers can end their trials
                self.requeue_lapsed()
                number = len(self.study.get_trials(deepcopy=False))
                if not self.trials(TrialState.WAITING) and not self._has_next():
                    return None
                trial = self._ask(number)
                if self._is_within_limits(trial):
                    trial.set_user_attr("attempts", trial.user_attrs.get("attempts", 0) + 1)
                    trial.set_user_attr("worker", worker)
                    return trial

    def holds(self, worker: str, trial: optuna.Trial) -> bool:
        """Whether a worker still holds its claim: it may have lapsed, and the trial gone to another worker."""
        now = self.trial(trial.number)
        return now.state == TrialState.RUNNING and now.user_attrs.get("worker") == worker

    def requeue(self, trial: FrozenTrial | optuna.Trial) -> None:
        """Let a running trial wait to be claimed again, with the same number and params."""
        self._set_state(trial, TrialState.WAITING)

    def fail(self, trial: FrozenTrial | optuna.Trial, reason: str) -> None:
        """End a trial without a score."""
        self._set_state(trial, TrialState.FAIL, reason=reason)

    def requeue_lapsed(self) -> None:
        """Requeue the running trials whose worker died, or fail them if they have no attempt left."""
        for trial in self.trials(TrialState.RUNNING):
            if self._is_claimed(trial):
                continue
            if trial.user_attrs.get("attempts", 1) < ATTEMPTS:
                self.requeue(trial)
            else:
                self.fail(trial, f"its process died {ATTEMPTS} times (out of memory, or killed)")

    def _is_claimed(self, trial: FrozenTrial) -> bool:
        worker = trial.user_attrs.get("worker")
        if worker is None:
            return False  # its worker died before it could write its name
        shared = self.plan.search.storage is not None
        # several machines may share the folder, on a disk whose locks do not reach the others
        alive = None if shared and not is_of_this_machine(worker) else is_alive_here(worker, self.plan.search.home)
        return shared and not self._monitor.has_stopped(trial) if alive is None else alive

    def _rank(self, values: list[float], number: int) -> tuple[float, int]:
        """Sort key of a trial, the best first."""
        objectives = self.plan.search.objectives
        if "accuracy" in objectives:
            return -values[objectives.index("accuracy")], number
        return values[0], number

    def _has_next(self) -> bool:
        """Whether a trial is left; its params are fixed here if they come from the user, the grid or random search.

        Patience ends a search under the study's lock, from its trials alone: all workers and machines agree. A trial
        that still runs then may gain enough for the search to continue.
        """
        search, number = self.plan.search, len(self.trials())
        if number >= self.plan.budget:
            return False
        self.plan.sizes.check_rejections(reversed(self.study.get_trials(deepcopy=False)))
        if number < len(search.points):
            self.study.enqueue_trial(search.points[number])
        elif self.is_out_of_patience:
            return False
        elif search.sampler_name in ("grid", "random"):
            params = next_params(self.plan, [trial.params for trial in self.trials()])
            if params is None:
                return False
            self.study.enqueue_trial(params)
        return True

    def _ask(self, number: int) -> optuna.Trial:
        self.study.sampler = make_sampler(self.plan, number)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self.study.ask()
                self.plan.space.suggest(trial)
            return trial
        except (TypeError, ValueError, ArithmeticError, AttributeError, MemoryError) as error:  # by sampler_args
            self.requeue_lapsed()
            name = self.plan.search.sampler_name
            raise UserError(f"sampler {name} cannot sample: {' '.join(str(error).split())}") from error

    def _is_within_limits(self, trial: optuna.Trial) -> bool:
        """Whether the network of a trial is within the limits; otherwise the trial ends here.

        The excess is written as constraints. TPE learns from them; of trials without a value it reads the pruned ones.
        """
        excess = self.plan.sizes.excess(trial.params)
        written = self.trial(trial.number).constraints  # of a worker that was killed here
        for name in excess:
            if name not in written:
                trial.set_constraint(name, excess[name])
        if is_over(excess):
            self.study.tell(trial, state=TrialState.PRUNED)
        elif excess:
            trial.set_user_attr(SIZE, self.plan.sizes.of(trial.params))
        return not is_over(excess)

    def _set_state(self, trial: FrozenTrial | optuna.Trial, state: TrialState, **attributes: str) -> None:
        # private: Optuna has no public way to requeue a running trial, or to change one that another process started
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(trial._trial_id, name, value)
        self.storage.set_trial_state_values(trial._trial_id, state)


def open_study(plan: Plan) -> TrialQueue:
    """Open the study of a plan; create it if it does not exist.

    Raises:
        UserError: The storage cannot be used, or the study of that name belongs to another search.
    """
    search = plan.search
    try:
        search.home.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise UserError(
            f"cannot write the study's folder {search.home}: {reason}; choose another with --folder"
        ) from error
    storage = open_storage(search.storage, search.home)
    pruner = make_pruner(plan)
    make_sampler(plan, 0)
    up, down = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    directions = [up if objective == "accuracy" else down for objective in search.objectives]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with study_lock(storage, search.home, search.name):
        study = optuna.create_study(
            storage=storage, pruner=pruner, study_name=search.name, directions=directions, load_if_exists=True
        )
        if DEFINITION not in study.user_attrs and not study.get_trials(deepcopy=False):
            study.set_user_attr(DEFINITION, plan.definition)
        _check_definition(plan, study.user_attrs.get(DEFINITION))
        _check_trials(plan, study.get_trials(deepcopy=False))
        return TrialQueue(_in_one_format(plan, study), storage, study)


def _in_one_format(plan: Plan, study: optuna.Study) -> Plan:
    """The plan with one number format for all trainings: the config's, else the one that the first process selects."""
    trainer = plan.trial_config["trainer"]
    if trainer["precision"] is not None:
        return plan
    selected = study.user_attrs.get(PRECISION)
    if selected not in (FLOAT32, BF16):
        selected = choose_number_format(None, choose_device_type(str(trainer["accelerator"]))).precision
        study.set_user_attr(PRECISION, selected)
    return replace(plan, base=set_keys(plan.base, {"trainer.precision": selected}))


def _check_definition(plan: Plan, before: Any) -> None:
    search = plan.search
    if not isinstance(before, dict) or not isinstance(before.get("config"), dict):
        raise UserError(f"the study {search.name} was not made by tune.py: give another name with --study-name")
    before = before | {"config": recipe_of(before["config"])}  # of a version that wrote more keys
    difference = next(_differences(before, plan.definition), None)
    if difference:
        raise UserError(
            f"the study {search.name} in {search.home} was made by another search ({difference}): "
            "give this search its own name with --study-name"
        )


def _check_trials(plan: Plan, trials: list[FrozenTrial]) -> None:
    """Check all that the search reads of its trials: a storage may be damaged, or from someone else."""
    search, parameters = plan.search, {parameter.key: parameter for parameter in plan.space.parameters}
    limits = search.limits.given
    for trial in trials:
        attributes, values = trial.user_attrs, trial.values if trial.state == TrialState.COMPLETE else []
        is_sound = (
            all(key in parameters and parameters[key].contains(value) for key, value in trial.params.items())
            and all(isinstance(attributes[name], kind) for name, kind in ATTRIBUTES.items() if name in attributes)
            and all(isinstance(step, int) for step in trial.intermediate_values)
            and _are_numbers(trial.intermediate_values.values())
            and _are_numbers(attributes.get("scores", []))
            and _are_numbers(attributes.get(SIZE, {}).values())
            and trial.constraints.keys() <= limits.keys()
            and _are_numbers(trial.constraints.values())
            and _are_numbers(values or [])
            and (trial.state != TrialState.COMPLETE or len(values or []) == len(search.objectives))
        )
        if not is_sound:
            raise UserError(
                f"trial {trial.number} of the study {search.name} in {search.home} is damaged, or not of this search: "
                "give this search its own name with --study-name"
            )


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _differences(before: Any, now: Any, key: str = "") -> Iterator[str]:
    """Where two nested values differ, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for part in [*before, *(part for part in now if part not in before)]:
            name = f"{key}.{part}" if key else part
            if part not in before or part not in now:
                yield f"{name} is {'new' if part in now else 'missing'}"
            else:
                yield from _differences(before[part], now[part], name)
    elif before != now:
        yield f"{key} was {json.dumps(before)[:80]}, is {json.dumps(now)[:80]}"
