"""A study without training: which trials are claimed, by whom, and how many."""

import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import optuna
import pytest
from optuna.trial import TrialState

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.liveness import SECONDS_UNTIL_DEAD, Heartbeat, HeartbeatMonitor, WorkerLock
from fmnist_pl.tuning.study import TrialQueue

SMALL_SPACE = {
    "data.batch_size": {"categorical": [32, 64]},
    "model.init_args.dropout": {"categorical": [0.0, 0.1, 0.2]},
}
NUMBERS = {
    "optimizer.init_args.lr": {"float": {"low": 1e-4, "high": 1e-2, "log": True}},
    "data.batch_size": {"int": {"low": 32, "high": 512, "log": True}},
    "model.init_args.activation": {"categorical": ["relu", "gelu"]},
}


def claim_all(queue: TrialQueue, values: Callable[[int], list[float]] = lambda number: [number / 100]) -> list[dict]:
    """Claim trials until there are none, and give each its values: returns the params of all."""
    tried = []
    while (trial := queue.claim("nobody")) is not None:
        tried.append(trial.params)
        queue.study.tell(trial, values(trial.number))
    return tried


@pytest.mark.parametrize(
    "sampler", ["tpe", "random", "qmc", pytest.param("gp", marks=pytest.mark.slow), "cmaes", "nsgaii"]
)
def test_every_sampler_proposes_params_up_to_the_budget(sampler: str, queue: Callable[..., TrialQueue]) -> None:
    tried = claim_all(queue(sampler=sampler, space=NUMBERS, n_trials=13))
    assert len(tried) == 13
    assert len({str(params) for params in tried}) == 13, "none twice"
    assert all(1e-4 <= params["optimizer.init_args.lr"] <= 1e-2 for params in tried)


def test_grid_covers_each_configuration_once_and_stops(queue: Callable[..., TrialQueue]) -> None:
    tried = claim_all(queue(sampler="grid", space=SMALL_SPACE, n_trials=None))
    assert len(tried) == len({str(params) for params in tried}) == 6


def test_grid_stops_at_the_budget(queue: Callable[..., TrialQueue]) -> None:
    assert len(claim_all(queue(sampler="grid", space=SMALL_SPACE, n_trials=4))) == 4


def test_a_grid_of_steps_that_floats_cannot_hold(queue: Callable[..., TrialQueue]) -> None:
    space = {"model.init_args.dropout": {"float": {"low": 0.0, "high": 0.3, "step": 0.1}}}  # 3 * 0.1 > 0.3
    tried = claim_all(queue(sampler="grid", space=space, n_trials=None))
    assert [params["model.init_args.dropout"] for params in tried] == pytest.approx([0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_space_too_large_for_a_list_is_searched_up_to_the_budget(
    sampler: str, queue: Callable[..., TrialQueue]
) -> None:
    space = {
        "seed_everything": {"int": {"low": 0, "high": 2**32 - 1}},
        "model.init_args.dropout": {"float": {"low": 0.0, "high": 0.5, "step": 1e-12}},
    }
    tried = claim_all(queue(sampler=sampler, space=space, n_trials=3))
    assert len({str(params) for params in tried}) == 3


def test_random_does_not_repeat_itself_and_ends_with_a_small_space(queue: Callable[..., TrialQueue]) -> None:
    tried = claim_all(queue(sampler="random", space=SMALL_SPACE, n_trials=50))
    assert len(tried) == len({str(params) for params in tried}) == 6


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_was_stopped_goes_on_as_one_that_was_not(
    sampler: str, queue: Callable[..., TrialQueue], tmp_path
) -> None:
    whole = claim_all(queue(sampler=sampler, n_trials=12))
    first = claim_all(queue(sampler=sampler, n_trials=5, folder=tmp_path / "in_two"))
    rest = claim_all(queue(sampler=sampler, n_trials=12, folder=tmp_path / "in_two"))
    assert first + rest == whole


def test_the_seed_decides(queue: Callable[..., TrialQueue], tmp_path) -> None:
    assert claim_all(queue()) != claim_all(queue(seed=1, folder=tmp_path / "other"))


def test_the_users_points_come_first(queue: Callable[..., TrialQueue]) -> None:
    points = [{"optimizer.init_args.lr": 0.005}, {"optimizer.init_args.lr": 0.001}]
    tried = claim_all(queue(points=points, n_trials=3))
    assert tried[:2] == points
    assert len(tried) == 3


def test_two_objectives_have_a_front(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(objectives=["accuracy", "parameters"], n_trials=4)
    assert trials.plan.search.sampler_name == "nsgaii"
    claim_all(trials, lambda number: [0.9 - number / 100, 1000.0 - number if number < 3 else 5000.0])
    assert len(trials.study.best_trials) == 3


def test_a_trial_whose_worker_died_is_tried_once_more_then_failed(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(n_trials=2)
    first = trials.claim("dead-worker")
    assert first is not None
    again = trials.claim("another-dead-worker")
    assert again is not None
    assert again.number == first.number
    assert again.params == first.params, "the same trial with the same params"
    following = trials.claim("third")
    assert following is not None
    assert following.number == 1
    failed = trials.trials()[0]
    assert failed.state == TrialState.FAIL
    assert "died 2 times" in failed.user_attrs["reason"]


def test_a_living_worker_keeps_its_trial(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(n_trials=2)
    lock = WorkerLock(trials.plan.search.home)
    first, second = trials.claim(lock.worker), trials.claim(lock.worker)
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (0, 1)
    assert trials.claim(lock.worker) is None, "the budget counts trials that run"
    lock.release()
    again = trials.claim("next")
    assert again is not None
    assert again.number == 0


def test_a_worker_that_was_away_too_long_has_lost_its_claim(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(n_trials=2)
    first = trials.claim("away")
    assert first is not None
    assert trials.holds("away", first)
    again = trials.claim("next")
    assert again is not None
    assert again.number == first.number
    assert not trials.holds("away", first)
    assert trials.holds("next", again)


def test_the_heartbeat_continues_though_the_storage_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.liveness.SECONDS_BETWEEN_HEARTBEATS", 0.01)
    counts: list[int] = []

    class Flaky:
        def set_user_attr(self, key: str, value: int) -> None:
            counts.append(value)
            if value == 2:
                raise OSError("away")

    with Heartbeat(cast(Any, Flaky())):
        time.sleep(0.5)
    assert counts[:4] == [1, 2, 3, 4]


def test_a_new_worker_has_time_for_its_first_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monitor = HeartbeatMonitor()
    monitor.has_stopped(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"heartbeat": 1, "worker": "a"}))
    now += SECONDS_UNTIL_DEAD + 1
    taken_over = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"heartbeat": 1, "worker": "b"})
    assert not monitor.has_stopped(taken_over)


def test_qmc_with_a_condition_does_not_repeat_itself(queue: Callable[..., TrialQueue]) -> None:
    space = {
        "model.init_args.activation": {"categorical": ["relu", "gelu"]},
        "model.init_args.dropout": {"float": {"low": 0, "high": 1}, "when": {"model.init_args.activation": "gelu"}},
    }
    tried = claim_all(queue(sampler="qmc", space=space, n_trials=12))
    dropouts = [params["model.init_args.dropout"] for params in tried if "model.init_args.dropout" in params]
    assert len(set(dropouts)) == len(dropouts) > 2


def test_arguments_that_a_sampler_chokes_on_are_one_clear_line(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(sampler_args={"n_startup_trials": "many"})
    with pytest.raises(UserError, match="sampler tpe"):
        claim_all(trials)
    assert not trials.trials(TrialState.RUNNING)


def test_a_heartbeat_that_does_not_change_is_death(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monitor = HeartbeatMonitor()
    trial = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"heartbeat": 1})
    assert not monitor.has_stopped(trial)
    now += SECONDS_UNTIL_DEAD + 1
    assert monitor.has_stopped(trial)
    beating = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"heartbeat": 2})
    assert not monitor.has_stopped(beating)


def test_a_lock_file_says_nothing_about_another_machine(queue: Callable[..., TrialQueue], tmp_path: Path) -> None:
    """The folder may be on a shared disk whose locks hold on one machine alone."""
    trials = queue(storage=f"sqlite:///{tmp_path}/study.db")
    folder = tmp_path / "tune/quick/workers"
    folder.mkdir(parents=True)
    for host, is_claimed in (("elsewhere", True), (socket.gethostname(), False)):
        worker = f"{host}-123-abcdef"
        (folder / f"{worker}.lock").touch()  # free, as it looks from here
        trial = trials.claim(worker)
        assert trial is not None
        trials.requeue_lapsed()
        assert trials.holds(worker, trial) is is_claimed


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_a_space_without_end_is_drawn_from_at_once(sampler: str, queue: Callable[..., TrialQueue]) -> None:
    space = {
        "seed_everything": {"int": {"low": 0, "high": 2**32 - 1}},
        "model.init_args.dropout": {"float": {"low": 0.0, "high": 0.5, "step": 1e-12}},
        "data.batch_size": {"categorical": [32, 64], "when": {"seed_everything": {"min": 2**31}}},
    }
    tracemalloc.start()
    started = time.monotonic()
    assert len(claim_all(queue(sampler=sampler, space=space, n_trials=3))) == 3
    assert time.monotonic() - started < 30
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_another_space_under_the_same_name_is_refused(queue: Callable[..., TrialQueue]) -> None:
    queue()
    with pytest.raises(UserError, match="space.*lr.*--study-name"):
        queue(space={"data.batch_size": {"categorical": [32, 64]}})
    with pytest.raises(UserError, match="folds.*null.*3"):
        queue(folds=3)
    with pytest.raises(UserError, match=r"config.model.init_args.dropout.*0\.0.*0\.5"):
        queue(overrides={"model.init_args.dropout": 0.5})
    queue(n_trials=9, sampler="random", workers=2, keep=1)  # how to search may change
    queue(overrides={"threads": 1, "name": "other", "trainer.accelerator": "auto"})  # so may machine and output keys
