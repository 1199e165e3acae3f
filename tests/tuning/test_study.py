"""A study without training: which trials are claimed, by whom, and how many."""

import time
from collections.abc import Callable
from typing import Any, cast

import optuna
import pytest
from optuna.trial import TrialState

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.presence import SECONDS_UNTIL_DEAD, BeatWatch, Heart, Presence
from fmnist_pl.tuning.study import OpenStudy

SMALL_SPACE = {
    "data.batch_size": {"categorical": [32, 64]},
    "model.init_args.dropout": {"categorical": [0.0, 0.1, 0.2]},
}
NUMBERS = {
    "optimizer.init_args.lr": {"float": {"low": 1e-4, "high": 1e-2, "log": True}},
    "data.batch_size": {"int": {"low": 32, "high": 512, "log": True}},
    "model.init_args.activation": {"categorical": ["relu", "gelu"]},
}


def claim_all(opened: OpenStudy, values: Callable[[int], list[float]] = lambda number: [number / 100]) -> list[dict]:
    """Take trials until there are none, and give each its values: the points that were tried."""
    points = []
    while (trial := opened.claim("nobody")) is not None:
        points.append(trial.params)
        opened.study.tell(trial, values(trial.number))
    return points


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "gp", "cmaes", "nsgaii"])
def test_every_sampler_proposes_points_up_to_the_budget(sampler: str, opened: Callable[..., OpenStudy]) -> None:
    points = claim_all(opened(sampler=sampler, space=NUMBERS, n_trials=13))
    assert len(points) == 13
    assert len({str(point) for point in points}) == 13, "none twice"
    assert all(1e-4 <= point["optimizer.init_args.lr"] <= 1e-2 for point in points)


def test_grid_covers_each_point_once_and_stops(opened: Callable[..., OpenStudy]) -> None:
    points = claim_all(opened(sampler="grid", space=SMALL_SPACE, n_trials=None))
    assert len(points) == len({str(point) for point in points}) == 6


def test_grid_stops_at_the_budget(opened: Callable[..., OpenStudy]) -> None:
    assert len(claim_all(opened(sampler="grid", space=SMALL_SPACE, n_trials=4))) == 4


def test_random_does_not_repeat_itself_and_ends_with_a_small_space(opened: Callable[..., OpenStudy]) -> None:
    points = claim_all(opened(sampler="random", space=SMALL_SPACE, n_trials=50))
    assert len(points) == len({str(point) for point in points}) == 6


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_was_stopped_goes_on_as_one_that_was_not(
    sampler: str, opened: Callable[..., OpenStudy], tmp_path
) -> None:
    whole = claim_all(opened(sampler=sampler, n_trials=12))
    first = claim_all(opened(sampler=sampler, n_trials=5, folder=tmp_path / "in_two"))
    rest = claim_all(opened(sampler=sampler, n_trials=12, folder=tmp_path / "in_two"))
    assert first + rest == whole


def test_the_seed_decides(opened: Callable[..., OpenStudy], tmp_path) -> None:
    assert claim_all(opened()) != claim_all(opened(seed=1, folder=tmp_path / "other"))


def test_the_users_points_come_first(opened: Callable[..., OpenStudy]) -> None:
    points = [{"optimizer.init_args.lr": 0.005}, {"optimizer.init_args.lr": 0.001}]
    tried = claim_all(opened(points=points, n_trials=3))
    assert tried[:2] == points
    assert len(tried) == 3


def test_two_objectives_have_a_front(opened: Callable[..., OpenStudy]) -> None:
    study = opened(objectives=["accuracy", "parameters"], n_trials=4)
    assert study.search.sampler_name == "nsgaii"
    claim_all(study, lambda number: [0.9 - number / 100, 1000.0 - number if number < 3 else 5000.0])
    assert len(study.study.best_trials) == 3


def test_a_trial_whose_worker_died_is_tried_once_more_then_failed(opened: Callable[..., OpenStudy]) -> None:
    study = opened(n_trials=2)
    first = study.claim("dead-worker")
    assert first is not None
    again = study.claim("another-dead-worker")
    assert again is not None
    assert again.number == first.number
    assert again.params == first.params, "the same trial at the same point"
    following = study.claim("third")
    assert following is not None
    assert following.number == 1
    failed = study.trials()[0]
    assert failed.state == TrialState.FAIL
    assert "died 2 times" in failed.user_attrs["reason"]


def test_a_living_worker_keeps_its_trial(opened: Callable[..., OpenStudy]) -> None:
    study = opened(n_trials=2)
    presence = Presence(study.search.home)
    first, second = study.claim(presence.worker), study.claim(presence.worker)
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (0, 1)
    assert study.claim(presence.worker) is None, "the budget counts trials that run"
    presence.leave()
    again = study.claim("next")
    assert again is not None
    assert again.number == 0


def test_a_worker_that_was_away_too_long_no_longer_owns_its_trial(opened: Callable[..., OpenStudy]) -> None:
    study = opened(n_trials=2)
    first = study.claim("away")
    assert first is not None
    assert study.owns("away", first)
    again = study.claim("next")
    assert again is not None
    assert again.number == first.number
    assert not study.owns("away", first)
    assert study.owns("next", again)


def test_the_heart_beats_on_though_the_storage_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.presence.SECONDS_BETWEEN_BEATS", 0.01)
    beats: list[int] = []

    class Flaky:
        def set_trial_user_attr(self, trial_id: int, key: str, value: int) -> None:
            beats.append(value)
            if value == 2:
                raise OSError("away")

    with Heart(cast(Any, Flaky()), 0):
        time.sleep(0.5)
    assert len(beats) > 3
    assert beats[:4] == [1, 2, 3, 4]


def test_a_new_owner_has_time_for_its_first_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    watch = BeatWatch()
    watch.has_stopped(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"beat": 1, "worker": "a"}))
    now += SECONDS_UNTIL_DEAD + 1
    taken_over = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"beat": 1, "worker": "b"})
    assert not watch.has_stopped(taken_over)


def test_qmc_with_a_condition_does_not_repeat_itself(opened: Callable[..., OpenStudy]) -> None:
    space = {
        "model.init_args.activation": {"categorical": ["relu", "gelu"]},
        "model.init_args.dropout": {"float": {"low": 0, "high": 1}, "when": {"model.init_args.activation": "gelu"}},
    }
    points = claim_all(opened(sampler="qmc", space=space, n_trials=12))
    dropouts = [point["model.init_args.dropout"] for point in points if "model.init_args.dropout" in point]
    assert len(set(dropouts)) == len(dropouts) > 2


def test_arguments_that_a_sampler_chokes_on_are_one_clear_line(opened: Callable[..., OpenStudy]) -> None:
    study = opened(sampler_args={"n_startup_trials": "many"})
    with pytest.raises(UserError, match="sampler tpe cannot propose a point"):
        claim_all(study)
    assert not study.trials(TrialState.RUNNING)


def test_a_beat_that_stands_still_is_death(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    watch = BeatWatch()
    trial = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"beat": 1})
    assert not watch.has_stopped(trial)
    now += SECONDS_UNTIL_DEAD + 1
    assert watch.has_stopped(trial)
    beating = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={"beat": 2})
    assert not watch.has_stopped(beating)


def test_another_space_under_the_same_name_is_refused(opened: Callable[..., OpenStudy]) -> None:
    opened()
    with pytest.raises(UserError, match=r"another search \(space.*lr is no longer there\).*--study-name"):
        opened(space={"data.batch_size": {"categorical": [32, 64]}})
    with pytest.raises(UserError, match=r"folds was null, is 3"):
        opened(folds=3)
    with pytest.raises(UserError, match=r"config.model.init_args.dropout was 0.0, is 0.5"):
        opened(overrides={"model.init_args.dropout": 0.5})
    opened(n_trials=9, sampler="random", workers=2, keep=1)  # how to search may change


def test_a_study_of_someone_else_is_refused(opened: Callable[..., OpenStudy], tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=url, study_name="quick").optimize(lambda trial: 0.0, n_trials=1)
    with pytest.raises(UserError, match="was not made by tune.py"):
        opened(storage=url)


def test_half_a_line_of_a_killed_worker_does_no_harm(opened: Callable[..., OpenStudy]) -> None:
    study = opened(n_trials=4)
    claim_all(opened(n_trials=2))
    journal = study.search.home / "journal.log"
    with journal.open("a") as file:
        file.write('{"op_code": 4, "wor')
    assert len(claim_all(opened(n_trials=4))) == 2
    assert len(opened(n_trials=4).trials(TrialState.COMPLETE)) == 4


def test_a_file_that_is_no_journal_is_one_clear_line(opened: Callable[..., OpenStudy], tmp_path) -> None:
    (tmp_path / "tune/quick").mkdir(parents=True)
    (tmp_path / "tune/quick/journal.log").write_text("hello\nthere\n")
    with pytest.raises(UserError, match="is no journal of a study"):
        opened()
