"""Whole searches in this process: what they leave, and what they do with trials that fail."""

import csv
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.tuning import Search, main, tune
from fmnist_pl.tuning.plan import Plan

DRAWING = ("test_a_search_from_end_to_end", "test_two_objectives")


@pytest.fixture(autouse=True)
def _figures_where_they_are_tested(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Figures take longer than the trainings of a small search."""
    if request.node.name not in DRAWING:
        monkeypatch.setattr("fmnist_pl.tuning.display.figures.write_figures", lambda *arguments: [])
        monkeypatch.setattr("fmnist_pl.tuning.worker.draw_artifacts", lambda best_epoch: [])


def trial_folder(search: Search, number: int) -> Path:
    return Plan(search, {}).trial_folder(number)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_search_from_end_to_end(
    quick: Callable[..., Search], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    search = quick(n_trials=4, epochs=2, keep=2, refit=True, refit_epochs=3)
    outcome = tune(search)
    said = capsys.readouterr().out
    assert "optimizer.init_args.lr  0.0001 to 0.01, log" in said.split("trial   0")[0], "the space, before trial 0"
    assert "4/4  best" in said
    assert "| rank |" in said

    home = search.home
    assert outcome.folder == home
    rows = rows_of(home / "trials.csv")
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    scores = {int(row["trial"]): float(row["accuracy"]) for row in rows if row["state"] == "complete"}
    assert max(scores, key=lambda number: scores[number]) == outcome.best_trial
    for name in ("best.yaml", "top10.md", "history.png", "slices.png", "parallel_coordinates.png", "importances.png"):
        assert (home / name).stat().st_size > 100

    kept = sorted(path.parts[-4] for path in home.glob("trials/*/score_1/version_0/checkpoints"))
    best_two = sorted(scores, key=lambda number: (-scores[number], number))[:2]
    assert kept == sorted(f"trial_{number:04}" for number in best_two)

    assert outcome.refit is not None
    assert outcome.refit["epochs"] == 3
    assert set(outcome.refit["test"]) >= {"acc", "loss"}
    for path in home.glob("trials/*/*/*/metrics.json"):
        assert "test" not in json.loads(path.read_text()), "a trial never sees the test images"

    again = train(["fit", "--config", str(home / "best.yaml"), "--trainer.default_root_dir", str(tmp_path / "again")])
    assert again["val"]["acc"] == outcome.study.best_value, "best.yaml gives the very score of its trial"

    capsys.readouterr()
    assert tune(search).refit == outcome.refit
    assert "the refit was done before" in capsys.readouterr().out, "the test images are used once"


@pytest.mark.slow
def test_it_goes_on_to_a_larger_budget(quick: Callable[..., Search]) -> None:
    tune(quick(n_trials=2))
    outcome = tune(quick(n_trials=3))
    assert [trial.number for trial in outcome.study.trials] == [0, 1, 2]


def test_folds_and_repeats_are_averaged_and_kept(quick: Callable[..., Search]) -> None:
    outcome = tune(quick(n_trials=1, folds=2, repeats=2, pruner="none"))
    (trial,), (row,) = outcome.study.trials, rows_of(outcome.folder / "trials.csv")
    scores = trial.user_attrs["scores"]
    assert len(scores) == 4
    assert trial.value == pytest.approx(sum(scores) / 4)
    assert [float(row[f"score_{i}"]) for i in (1, 2, 3, 4)] == scores
    folder = trial_folder(quick(), 0)
    configs = [yaml.safe_load((folder / f"score_{i}.yaml").read_text()) for i in (1, 2, 3, 4)]
    chosen = [(c["seed_everything"], c["data"]["num_folds"], c["data"]["fold"]) for c in configs]
    assert chosen == [(0, 2, 0), (0, 2, 1), (1, 2, 0), (1, 2, 1)]


HOPELESS: dict = {
    "space": {"optimizer.init_args.lr": {"categorical": [0.01, 1e-9]}},
    "points": [{"optimizer.init_args.lr": 0.01}, {"optimizer.init_args.lr": 1e-9}],
    "n_trials": 2,
    "pruner_args": {"n_startup_trials": 1},
}


def test_a_hopeless_trial_is_pruned_by_its_epochs(quick: Callable[..., Search]) -> None:
    outcome = tune(quick(**HOPELESS, epochs=4))
    good, bad = outcome.study.trials
    assert (good.state, len(good.intermediate_values)) == (TrialState.COMPLETE, 4), "every epoch is reported"
    assert bad.state == TrialState.PRUNED
    assert len(bad.intermediate_values) < 4
    assert not list(trial_folder(quick(), 1).rglob("*.ckpt"))


@pytest.mark.slow
def test_a_hopeless_trial_is_pruned_by_its_folds(quick: Callable[..., Search]) -> None:
    outcome = tune(quick(**HOPELESS, folds=3, epochs=15))
    assert [len(trial.user_attrs["scores"]) for trial in outcome.study.trials] == [3, 1]


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["hyperband", "halving"])
def test_the_other_pruners_work(pruner: str, quick: Callable[..., Search]) -> None:
    outcome = tune(quick(n_trials=4, epochs=3, pruner=pruner))
    assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in outcome.study.trials)


def test_a_failed_trial_has_its_reason_and_the_search_goes_on(quick: Callable[..., Search]) -> None:
    space = {
        "model.init_args.blocks": {"categorical": {"good": [[4]], "bad": [[2]] * 6}},
        "optimizer.init_args.lr": {"categorical": [0.01, 1e30]},
    }
    lost = {"model.init_args.hidden_sizes": [], "model.init_args.batch_norm": False, "lr_scheduler": None}
    overrides = lost | {"trainer.precision": "32-true", "data.batch_size": 64}
    points = [
        {"model.init_args.blocks": "bad", "optimizer.init_args.lr": 0.01},
        {"model.init_args.blocks": "good", "optimizer.init_args.lr": 1e30},
        {"model.init_args.blocks": "good", "optimizer.init_args.lr": 0.01},
    ]
    outcome = tune(quick(base="cnn.yaml", space=space, points=points, overrides=overrides))
    shape, nan, good = outcome.study.trials
    assert (shape.state, nan.state, good.state) == (TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE)
    assert "model.blocks" in shape.user_attrs["reason"]
    assert "not finite" in nan.user_attrs["reason"]
    assert "model.blocks" in rows_of(outcome.folder / "trials.csv")[0]["reason"]
    assert shape.user_attrs["reason"] in (trial_folder(quick(), 0) / "log.txt").read_text()


def test_running_out_of_memory_fails_one_trial(quick: Callable[..., Search], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def train_second(arguments: list[str], callbacks: list) -> dict:
        calls.append(arguments)
        if len(calls) == 1:
            raise MemoryError("unable to allocate 30 GB")
        return train(arguments, callbacks)

    monkeypatch.setattr("fmnist_pl.tuning.objective.train", train_second)
    failed, good = tune(quick(n_trials=2)).study.trials
    assert failed.state == TrialState.FAIL
    assert "out of memory" in failed.user_attrs["reason"]
    assert good.state == TrialState.COMPLETE


@pytest.mark.slow
def test_nothing_but_failures_stops_the_search(quick: Callable[..., Search]) -> None:
    overrides = {"lr_scheduler": None}
    space = {"optimizer.init_args.lr": {"float": {"low": 1e29, "high": 1e30}}}
    with pytest.raises(UserError, match="5 trials failed.*not finite"):
        tune(quick(space=space, overrides=overrides, n_trials=20))


@pytest.mark.slow
def test_stages_go_on_from_the_best_of_the_one_before(quick: Callable[..., Search]) -> None:
    rates = {"optimizer.init_args.lr": {"categorical": [0.00001, 0.01]}}
    sizes = {"model.init_args.hidden_sizes": {"categorical": [[4], [8]]}}
    stages = [{"name": "rate", "space": rates}, {"name": "size", "space": sizes, "n_trials": 1}]
    # the whole's overrides name a key that a stage finds another value for
    common = {"optimizer.init_args.lr": 0.00001, "trainer.max_epochs": 4}
    search = quick(
        space={}, stages=stages, overrides=common, sampler="grid", n_trials=None, refit=True, epochs=2, refit_epochs=1
    )
    outcome = tune(search)
    assert (search.home / "quick-1-rate/trials.csv").exists()
    second = yaml.safe_load((search.home / "quick-2-size/trials/trial_0000/score_1.yaml").read_text())
    assert second["optimizer"]["init_args"]["lr"] == 0.01
    assert second["model"]["init_args"]["hidden_sizes"] == [4]
    best = yaml.safe_load((search.home / "best.yaml").read_text())
    assert best["optimizer"]["init_args"]["lr"] == 0.01
    assert outcome.best_config["trainer"]["max_epochs"] == 4, "of the config, not of the trials"
    assert outcome.refit is not None


@pytest.mark.parametrize(
    ("stage", "expected"),
    [({"nam": "x"}, "nam"), ({"n_trials": "x"}, "n_trials: expected int; got x"), ({"space": {}}, "space is empty")],
)
def test_a_bad_stage_is_one_clear_line(stage: dict, expected: str, quick: Callable[..., Search]) -> None:
    good = {"space": {"data.batch_size": {"categorical": [32]}}, "sampler": "grid"}
    with pytest.raises(UserError, match=expected):
        tune(quick(space={}, stages=[good, stage]))
    assert not list(quick().home.rglob("trial_*")), "all stages are looked at before the first is trained"


@pytest.mark.slow
def test_a_refit_that_goes_on_from_the_trial(quick: Callable[..., Search]) -> None:
    outcome = tune(
        quick(n_trials=1, epochs=2, refit=True, refit_resume=True, refit_epochs=5, overrides={"lr_scheduler": None})
    )
    assert outcome.refit is not None
    assert outcome.refit["epochs"] == 5
    events = EventAccumulator(str(outcome.folder / "refit/version_0")).Reload()
    assert len(events.Scalars("val/acc")) == 3, "epochs 3 to 5"


@pytest.mark.slow
def test_a_better_trial_has_a_refit_of_its_own(quick: Callable[..., Search]) -> None:
    rates = {"optimizer.init_args.lr": {"categorical": [1e-9, 0.01]}}
    points = [{"optimizer.init_args.lr": 1e-9}, {"optimizer.init_args.lr": 0.01}]
    keys: dict = {"space": rates, "points": points, "refit": True, "epochs": 4, "pruner": "none"}
    first, second = tune(quick(n_trials=1, **keys)), tune(quick(n_trials=2, **keys))
    assert first.refit is not None
    assert second.refit is not None
    assert (first.best_trial, second.best_trial) == (0, 1)
    assert second.refit["test"]["acc"] > first.refit["test"]["acc"]


@pytest.mark.slow
def test_one_machine_trains_the_refit(
    quick: Callable[..., Search], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared: dict = {"storage": f"sqlite:///{tmp_path}/study.db", "n_trials": 2, "refit": True}
    here, there = (tune(quick(folder=tmp_path / machine, **shared)) for machine in ("here", "there"))
    assert here.refit is not None
    assert there.refit is None
    assert f"{socket.gethostname()} trains the refit, in {tmp_path}/here/quick" in capsys.readouterr().out
    assert (there.folder / "refit.yaml").exists(), "to train it nevertheless"


@pytest.mark.slow
def test_two_objectives(quick: Callable[..., Search]) -> None:
    space = {"model.init_args.hidden_sizes.0": {"int": {"low": 2, "high": 32}}}
    outcome = tune(quick(space=space, objectives=["accuracy", "parameters"], n_trials=4))
    sizes = [trial.values[1] for trial in outcome.study.trials]
    widths = [trial.params["model.init_args.hidden_sizes.0"] for trial in outcome.study.trials]
    assert sizes == [785 * width + 10 * (width + 1) for width in widths]
    assert (outcome.folder / "pareto_front.png").exists()
    front = (outcome.folder / "pareto_front.md").read_text().splitlines()[2:]
    assert len(front) == len(outcome.study.best_trials)
    assert outcome.study.trials[outcome.best_trial].values[0] == max(trial.values[0] for trial in outcome.study.trials)


@pytest.mark.slow
def test_tensorboard_has_every_trial(quick: Callable[..., Search]) -> None:
    outcome = tune(quick(n_trials=2, epochs=2))
    for trial in outcome.study.trials:
        events = EventAccumulator(str(outcome.folder / f"tensorboard/trial_{trial.number:04}")).Reload()
        assert [point.value for point in events.Scalars("search/val_acc")] == pytest.approx(
            list(trial.intermediate_values.values())
        )
        assert events.Scalars("Final/val_acc")[0].value == pytest.approx(trial.value)
        assert events.PluginTagToContent("hparams")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(quick: Callable[..., Search], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot write the study's folder"):
        tune(quick())


def test_a_folder_that_is_a_file(quick_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["--config", str(quick_file), "--folder", str(tmp_path / "taken")]) == 1
    assert "cannot write the study's folder" in capsys.readouterr().err


def test_a_storage_that_stops_answering_is_one_clear_line(
    quick_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*arguments: object) -> None:
        raise StorageInternalError("the server closed the connection\nand more lines")

    monkeypatch.setattr("fmnist_pl.tuning.study.TrialQueue.claim", away)
    monkeypatch.setattr("fmnist_pl.tuning.run.write_results", lambda queue: [])
    assert main(["--config", str(quick_file), "--folder", str(tmp_path / "tune")]) == 1
    said = capsys.readouterr().err
    assert "the server closed the connection" in said
    assert "same command" in said
    assert said.count("\n") == 1
