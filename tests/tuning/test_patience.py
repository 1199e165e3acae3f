"""Patience: when a search ends, by which noise, and what its last lines say."""

import re
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.errors import StoppedError
from fmnist_pl.tuning import Search, tune
from fmnist_pl.tuning.objective import Objective
from fmnist_pl.tuning.patience import is_out_of_patience, last_gain, score_noise
from fmnist_pl.tuning.study import TrialQueue
from tests.tuning.test_workers import trials_of

FLAT = {"optimizer.init_args.lr": {"float": {"low": 1e-12, "high": 2e-12}}}
"""Learning rates that change no prediction: all trials have the same accuracy."""
MADE_AT = datetime(2026, 1, 1)
IMAGES = 10_000  # standard error of 0.9: 0.003


def trial(number: int, value: float | None, minute: int | None = None, **attributes: Any) -> FrozenTrial:
    """A trial with an accuracy, or a pruned one without; it ends at this minute."""
    state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    made = optuna.trial.create_trial(state=state, value=value, user_attrs={"val_images": IMAGES} | attributes)
    made.number = number
    made.datetime_complete = MADE_AT + timedelta(minutes=number if minute is None else minute)
    return made


def trials(values: Sequence[float | None]) -> list[FrozenTrial]:
    return [trial(number, value) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "gain"),
    [
        ([0.8, 0.9, 0.85, 0.91], 0.01),
        ([0.8, 0.9, 0.85, 0.89], 0.0),
        ([0.9, None, 0.85, None, 0.95, None, None], 0.0),
        ([None, None, 0.9], None),
        ([0.9, 0.9], None),
        ([], None),
    ],
    ids=["gain", "no gain", "pruned trials count", "nothing to compare with", "too few", "none"],
)
def test_gain_of_the_last_two(values: list[float | None], gain: float | None) -> None:
    assert last_gain(trials(values), 2) == (None if gain is None else pytest.approx(gain))


def test_trials_count_in_the_order_in_which_they_ended() -> None:
    made = [trial(0, 0.8, minute=0), trial(1, 0.9, minute=9), trial(2, 0.8, minute=1), trial(3, 0.8, minute=2)]
    assert last_gain(made, 2) == pytest.approx(0.1)


def test_failed_trials_do_not_count() -> None:
    failed = optuna.trial.create_trial(state=TrialState.FAIL)
    assert last_gain([*trials([0.8, 0.9]), failed, failed], 1) == pytest.approx(0.1)


@pytest.fixture
def patient(quick: Callable[..., Search]) -> Callable[..., Search]:
    return lambda **keys: quick(patience=2, **keys)


def test_the_noise_of_one_seed_is_the_standard_error(patient: Callable[..., Search]) -> None:
    made = trials([0.9, 0.5])
    noise = score_noise(patient(), made)
    assert noise is not None
    assert noise.value == pytest.approx(0.003)
    assert re.search("standard error of 0.9000 on 10,000 images is 0.0030", noise.source)
    of_folds = score_noise(patient(folds=4), made)
    assert of_folds is not None
    assert of_folds.value == pytest.approx(0.0015), "four times the images"
    assert score_noise(patient(), [trial(0, 0.9, val_images=None)]) is None, "a trial of an earlier version"


def test_the_noise_of_repeats_is_measured(patient: Callable[..., Search]) -> None:
    made = [trial(0, 0.9, scores=[0.88, 0.92]), trial(1, 0.8, scores=[0.8, 0.8]), trial(2, 0.7, scores=[0.7])]
    noise = score_noise(patient(repeats=2), made)
    assert noise is not None
    assert noise.value == pytest.approx(0.02 / 2**0.5), "variances 0.0008 and 0; then of the mean of two"
    assert "seeds differ by 0.0200, means of 2 seeds by 0.0141" in noise.source
    folded = [trial(0, 0.9, scores=[0.8, 0.96, 0.84, 1.0])]  # two folds of each seed
    noise = score_noise(patient(repeats=2, folds=2), folded)
    assert noise is not None
    assert "seeds differ by 0.0283" in noise.source, "of 0.88 and 0.92"


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.9, 0.9, 0.9], True),
        ([0.9, 0.902, 0.9029], True),
        ([0.9, 0.902, 0.904], False),
        ([0.9, None, None], True),
        ([0.9, 0.9], False),
        ([1.0, 1.0, 1.0], True),
    ],
)
def test_the_rule(values: list[float | None], ends: bool, patient: Callable[..., Search]) -> None:
    assert is_out_of_patience(patient(), trials(values)) == ends


def run_all(queue: TrialQueue, accuracy: Callable[[int], float] = lambda number: 0.9) -> int:
    """Run trials of given accuracies until there are none: returns the number of all trials."""
    while (claimed := queue.claim("nobody")) is not None:
        claimed.set_user_attr("val_images", IMAGES)
        queue.study.tell(claimed, [accuracy(claimed.number)])
    return len(queue.trials())


def test_a_flat_search_ends_and_a_rising_one_does_not(queue: Callable[..., TrialQueue], tmp_path: Path) -> None:
    assert run_all(queue(patience=3, n_trials=12)) == 4
    assert run_all(queue(patience=3, n_trials=12, folder=tmp_path / "rising"), lambda number: number / 20) == 12
    plateau = run_all(queue(patience=3, n_trials=12, folder=tmp_path / "both"), lambda number: min(number, 4) / 20)
    assert plateau == 8


def test_a_resumed_search_decides_by_the_same_trials(queue: Callable[..., TrialQueue]) -> None:
    assert run_all(queue(patience=3, n_trials=12)) == 4
    assert run_all(queue(patience=3, n_trials=12)) == 4
    assert run_all(queue(patience=5, n_trials=12)) == 6
    assert run_all(queue(n_trials=9)) == 9, "without patience, up to the budget"


def test_the_users_points_are_all_tried(queue: Callable[..., TrialQueue]) -> None:
    points = [{"optimizer.init_args.lr": number / 1000} for number in range(1, 7)]
    assert run_all(queue(patience=2, n_trials=12, points=points)) == 6


def test_a_running_trial_that_gains_lets_the_search_continue(queue: Callable[..., TrialQueue]) -> None:
    shared = queue(patience=2, n_trials=12, storage=None)
    slow = shared.claim("slow")
    assert slow is not None
    shared._is_claimed = lambda trial: True  # type: ignore[method-assign]
    assert run_all(shared) == 4, "one that runs and three"
    slow.set_user_attr("val_images", IMAGES)
    shared.study.tell(slow, [0.95])
    assert run_all(shared) == 6


@pytest.fixture
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.display.figures.write_figures", lambda *arguments: [])
    monkeypatch.setattr("fmnist_pl.tuning.worker.draw_artifacts", lambda best_epoch: [])


@pytest.mark.slow
@pytest.mark.usefixtures("_no_figures")
def test_a_search_out_of_patience_from_end_to_end(
    quick: Callable[..., Search], capsys: pytest.CaptureFixture[str]
) -> None:
    keys: dict[str, Any] = {"space": FLAT, "n_trials": 9, "overrides": {"trainer.max_epochs": 4, "lr_scheduler": None}}
    outcome = tune(quick(patience=2, **keys))
    assert [trial.state for trial in outcome.study.trials] == [TrialState.COMPLETE] * 3
    said = capsys.readouterr().out
    assert "out of patience after 3 of 9 trials" in said
    *_, worth, following = said.strip().splitlines()
    assert worth.startswith("the last 2 trials gained 0.0000; the standard error of 0.")
    assert "on 30 images is 0.0" in worth
    assert f"train.py fit --config {outcome.folder / 'best.yaml'} --trainer.max_epochs 4" in following
    assert len(tune(quick(patience=2, **keys)).study.trials) == 3, "resumed"
    assert len(tune(quick(patience=3, **keys)).study.trials) == 4


@pytest.mark.usefixtures("_no_figures")
def test_the_last_lines_of_a_stopped_search(
    quick: Callable[..., Search], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def objective(self: Objective, trial: optuna.Trial) -> list[float]:
        if trial.number == 6:
            raise KeyboardInterrupt
        trial.set_user_attr("val_images", IMAGES)
        return [0.9 + trial.number / 100]

    monkeypatch.setattr(Objective, "__call__", objective)
    with pytest.raises(StoppedError, match="6 of 9 trials.*same command"):
        tune(quick(n_trials=9))
    assert "the last 3 trials gained 0.0300; the standard error of 0.9500" in capsys.readouterr().out


@pytest.mark.usefixtures("_no_figures")
def test_the_last_lines_of_few_trials(
    quick: Callable[..., Search], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Objective, "__call__", lambda self, trial: [0.9])
    tune(quick(n_trials=2))
    *_, worth, following = capsys.readouterr().out.strip().splitlines()
    assert "too few trials" in worth
    assert "--n-trials 4" in following


@pytest.mark.usefixtures("_no_figures")
def test_a_search_that_still_gains_names_more_trials(
    quick: Callable[..., Search], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def objective(self: Objective, trial: optuna.Trial) -> list[float]:
        trial.set_user_attr("scores", [trial.number / 100, trial.number / 100 + 0.001])
        return [trial.number / 100]

    monkeypatch.setattr(Objective, "__call__", objective)
    tune(quick(n_trials=6, repeats=2))
    *_, worth, following = capsys.readouterr().out.strip().splitlines()
    assert worth == "the last 3 trials gained 0.0300; seeds differ by 0.0007, means of 2 seeds by 0.0005"
    assert "--n-trials 12" in following


@pytest.mark.slow
def test_two_workers_end_together(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path
) -> None:
    flat = [
        "--space.optimizer.init_args.lr",
        "{float: {low: 1.0e-12, high: 2.0e-12}}",
        "--overrides.lr_scheduler",
        "null",
    ]
    process = tune_program("--config", str(quick_file), *flat, "--n-trials", "30", "--patience", "3", "--workers", "2")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    ended = trials_of(tmp_path / "runs/tune/quick")
    assert {trial.state for trial in ended} == {TrialState.COMPLETE}
    assert len(ended) in (4, 5), "four trials, and one that ran when the fourth ended"
    assert f"out of patience after {len(ended)} of 30 trials" in out
    assert "the last 3 trials gained 0.0000" in out
