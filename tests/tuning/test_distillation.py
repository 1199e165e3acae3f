"""Searches with teachers: which are refused before the first trial, and one over the weight of the teachers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.tuning import Search, tune
from tests.conftest import NO_PICTURES, SMALL, run_folder

KEY = "data.distillation.teachers"
WEIGHT = {"data.distillation.weight": {"categorical": [0.0, 0.5, 1.0]}}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint of the search's images and split."""
    root = tmp_path_factory.mktemp("teacher")
    arguments = ["--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1"]
    train(["fit", *arguments, "--data.synthetic_size", "300", "--trainer.default_root_dir", str(root)])
    return str(run_folder(root) / "checkpoints/best.ckpt")


@pytest.mark.parametrize("where", ["overrides", "space"])
def test_a_teacher_cannot_teach_folds(where: str, quick: Callable[..., Search], teacher: str) -> None:
    if where == "overrides":
        search = quick(folds=3, overrides={KEY: [teacher]})
    else:
        search = quick(folds=3, space={KEY: {"categorical": {"none": [], "one": [teacher]}}})
    with pytest.raises(UserError, match=f"{where}.*{KEY}.*folds"):
        tune(search)
    assert not (search.home / "trials").exists()


def test_a_missing_teacher_is_found_before_the_first_trial(quick: Callable[..., Search]) -> None:
    search = quick(overrides={KEY: ["missing.ckpt"]})
    with pytest.raises(UserError, match=f"overrides.*{KEY}.*missing.ckpt"):
        tune(search)
    assert not (search.home / "trials").exists()


@pytest.mark.slow
def test_the_weight_of_the_teachers_is_searched(quick: Callable[..., Search], teacher: str) -> None:
    outcome = tune(quick(space=WEIGHT, sampler="grid", n_trials=None, overrides={KEY: [teacher]}, refit=True))
    trials = outcome.study.trials
    assert sorted(trial.params["data.distillation.weight"] for trial in trials) == [0.0, 0.5, 1.0]
    for trial in trials:
        log = (outcome.folder / f"trials/trial_{trial.number:04}/log.txt").read_text()
        assert log.count("teachers: ") == (trial.params["data.distillation.weight"] > 0)
    assert outcome.refit is not None
    best = Path(outcome.folder, "best.yaml").read_text()
    assert teacher in best
