"""Limits on the networks of a search: what is measured, what is rejected, and that the budget stays exact."""

import contextlib
import csv
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
import yaml
from optuna.trial import TrialState
from torch import Tensor, nn

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.models import CNNClassifier, NamedClassifier, StridedCNNClassifier
from fmnist_pl.training.steps_per_execution import forward_flops
from fmnist_pl.tuning import Limits, main
from fmnist_pl.tuning.command_line import parse
from fmnist_pl.tuning.limits import Sizes, is_rejected
from fmnist_pl.tuning.space import Space
from fmnist_pl.tuning.study import TrialQueue
from tests.tuning.conftest import QUICK
from tests.tuning.test_workers import process_end, process_of, running, trials_of, wait_for

WIDTH = "model.init_args.hidden_sizes.0"
RATE = "optimizer.init_args.lr"
WIDE = {WIDTH: {"int": {"low": 2, "high": 122, "step": 8}}, RATE: {"float": {"low": 1e-4, "high": 1e-2, "log": True}}}
GRID = {WIDTH: {"categorical": [4, 8, 16, 32]}, RATE: {"categorical": [0.001, 0.01]}}


def parameters(width: int) -> int:
    """Parameters of a dense network with one hidden layer."""
    return 785 * width + 10 * (width + 1)


AT_MOST_8, AT_MOST_32 = Limits(parameters=parameters(8)), Limits(parameters=parameters(32))


def claim_all(queue: TrialQueue) -> list[dict[str, Any]]:
    """Claim and end trials until there are none: params of all."""
    tried = []
    while (trial := queue.claim("nobody")) is not None:
        tried.append(trial.params)
        values = {"accuracy": trial.params[WIDTH] / 200, "parameters": float(parameters(trial.params[WIDTH]))}
        queue.study.tell(trial, [values[objective] for objective in queue.plan.search.objectives])
    return tried


class NeedsMemory(nn.Module):
    """A network that looks at a value, which a tensor without memory has not."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.Linear(width, 10))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits if logits.sum().item() < 1e30 else -logits


@pytest.mark.parametrize("kind", [CNNClassifier, StridedCNNClassifier])
def test_sizes_are_those_of_the_network(kind: type[NamedClassifier]) -> None:
    made, key = kind(), "model.init_args.label_smoothing"
    model = {"class_path": f"fmnist_pl.models.{kind.__name__}", "init_args": {}}
    sizes = Sizes(Limits(parameters=1, flops=1), Space({key: {"categorical": [0.1]}}), model)
    counted = forward_flops(made.network, torch.zeros(1, 1, 28, 28))
    assert sizes.of({key: 0.1}) == {"parameters": sum(p.numel() for p in made.parameters()), "flops": counted}


def test_sizes_of_a_dense_network_by_hand(dense: Config) -> None:
    sizes = Sizes(Limits(parameters=parameters(16), flops=1e9), Space(GRID), dense["model"])
    for width in (16, 32):
        assert sizes.of({WIDTH: width, RATE: 0.01}) == {"parameters": parameters(width), "flops": 2 * 794 * width}
    assert sizes.fit({WIDTH: 16, RATE: 0.01}), "the limit itself is allowed"
    assert sizes.excess({WIDTH: 32}) == {
        "parameters": parameters(32) / parameters(16) - 1,
        "flops": 2 * 794 * 32 / 1e9 - 1,
    }


def test_a_network_of_your_own_that_needs_memory_is_measured() -> None:
    network = {"class_path": f"{__name__}.{NeedsMemory.__name__}", "init_args": {"width": 5}}
    model = {"class_path": "fmnist_pl.models.Classifier", "init_args": {"network": network}}
    space = Space({"model.init_args.network.init_args.width": {"categorical": [5, 6]}})
    sizes = Sizes(Limits(parameters=parameters(5)), space, model)
    assert sizes.fit({"model.init_args.network.init_args.width": 5})
    assert not sizes.fit({"model.init_args.network.init_args.width": 6})


def test_a_network_that_cannot_be_built_is_left_to_its_training() -> None:
    model = {"class_path": "fmnist_pl.models.CNNClassifier", "init_args": {"blocks": [[2]] * 9}}
    assert Sizes(AT_MOST_8, Space({RATE: GRID[RATE]}), model).of({RATE: 0.01}) == {}


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("qmc", "cmaes", "nsgaii")]


@pytest.mark.parametrize("sampler", ["tpe", "random", *OTHERS])
def test_points_over_the_limits_are_not_counted(sampler: str, queue: Callable[..., TrialQueue]) -> None:
    trials = queue(sampler=sampler, space=WIDE, limits=AT_MOST_32, n_trials=12)
    tried = claim_all(trials)
    assert len(tried) == len(trials.trials()) == len({str(params) for params in tried}) == 12
    assert all(params[WIDTH] <= 32 for params in tried)
    everything = trials.study.get_trials()
    assert len(everything) == 12 + trials.count_rejected()
    assert (trials.count_rejected() == 0) is (sampler == "random"), "which knows them before they are trials"
    for trial in filter(is_rejected, everything):
        assert trial.constraints["parameters"] == parameters(trial.params[WIDTH]) / parameters(32) - 1 > 0


@pytest.mark.slow
def test_tpe_learns_from_rejected_points(queue: Callable[..., TrialQueue]) -> None:
    """One width of 16 is within the limits: 30 trials at random would reject about 450 points."""
    trials = queue(sampler="tpe", space=WIDE, limits=AT_MOST_8, n_trials=30)
    assert len(claim_all(trials)) == 30
    assert trials.count_rejected() < 150


def test_two_objectives_have_limits_too(queue: Callable[..., TrialQueue]) -> None:
    for sampler in ("nsgaii", "tpe"):
        both = {"objectives": ["accuracy", "parameters"], "study_name": f"quick_{sampler}"}
        trials = queue(sampler=sampler, space=WIDE, limits=AT_MOST_32, n_trials=8, **both)
        assert len(claim_all(trials)) == 8
        assert {trial.params[WIDTH] <= 32 for trial in trials.study.best_trials} == {True}


def test_a_grid_has_the_trials_that_fit(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(sampler="grid", space=GRID, limits=AT_MOST_8, n_trials=None)
    assert trials.plan.budget == 4
    assert sorted((params[WIDTH], params[RATE]) for params in claim_all(trials)) == [
        (4, 0.001), (4, 0.01), (8, 0.001), (8, 0.01),
    ]  # fmt: skip
    assert queue(sampler="grid", space=GRID, limits=AT_MOST_8, n_trials=3).plan.budget == 3


def test_random_ends_when_all_that_fits_is_tried(queue: Callable[..., TrialQueue]) -> None:
    trials = queue(sampler="random", space=GRID, limits=AT_MOST_8, n_trials=50)
    assert len(claim_all(trials)) == trials.plan.budget == 4


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_space_in_which_nothing_fits_is_one_line(
    sampler: str, queue: Callable[..., TrialQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.limits.MOST_REJECTED", 20)
    monkeypatch.setattr("fmnist_pl.tuning.samplers.DRAWS", 20)
    space = {WIDTH: GRID[WIDTH]} if sampler == "grid" else WIDE
    for _ in range(2):  # the same command again says the same
        trials = queue(sampler=sampler, space=space, limits=Limits(parameters=700, flops=1e9))
        with pytest.raises(UserError, match=r"nearest network has [\d,]+ parameters, .*limits.parameters 700; raise"):
            claim_all(trials)
        assert trials.count_rejected() == (20 if sampler == "tpe" else 0)
        assert not trials.trials()


def test_points_of_the_user_are_within_the_limits(queue: Callable[..., TrialQueue]) -> None:
    some = [{WIDTH: 2}, {RATE: 0.001}]  # keys that one omits are sampled until they fit
    trials = queue(points=some, space=WIDE, limits=AT_MOST_8, n_trials=3)
    trials.plan.sizes.check_points(some)
    tried = claim_all(trials)
    assert (tried[0][WIDTH], tried[1][RATE], len(tried)) == (2, 0.001, 3)
    with pytest.raises(UserError, match=r"points.1 has 7,960 parameters, .*limits.parameters 6,370: remove"):
        trials.plan.sizes.check_points([*some[:1], {WIDTH: 10}])


def test_other_limits_are_another_search(queue: Callable[..., TrialQueue], tmp_path: Path) -> None:
    queue(limits=Limits(parameters=1000))
    for limits, reason in (
        (Limits(parameters=999), "limits.parameters was 1000, is 999"),
        (Limits(parameters=1000, flops=2), "limits.flops is new"),
        (Limits(), "limits is missing"),
    ):
        with pytest.raises(UserError, match=f"{reason}.*--study-name"):
            queue(limits=limits)
    queue(folder=tmp_path / "other")
    with pytest.raises(UserError, match="limits is new.*--study-name"):
        queue(folder=tmp_path / "other", limits=Limits(flops=2))


@pytest.mark.parametrize(
    "moment", ["limits.Sizes.excess", "study.optuna.Trial.set_constraint", "study.optuna.Study.tell"]
)
def test_killed_in_the_middle_of_a_rejection(
    moment: str, queue: Callable[..., TrialQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _, name = f"fmnist_pl.tuning.{moment}".rpartition(".")
    works, calls = getattr(resolve_name(owner), name), 0

    def dies_at_times(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        is_of_a_rejection = name != "tell" or "state" in named
        calls += is_of_a_rejection
        if is_of_a_rejection and calls % 3 == 2:
            raise KeyboardInterrupt
        return works(*arguments, **named)

    monkeypatch.setattr(f"{owner}.{name}", dies_at_times)
    trials = queue(space=WIDE, limits=Limits(parameters=parameters(32), flops=20_000), n_trials=8)
    for _ in range(500):
        with contextlib.suppress(KeyboardInterrupt):
            claim_all(trials)
            break
    assert calls > 3
    assert len(trials.trials()) == 8
    assert all(trial.state.is_finished() for trial in trials.study.get_trials())


def test_a_file_may_leave_limits_out(tmp_path: Path) -> None:
    for written in (None, {}, {"parameters": None}):
        assert parse(["--config", str(write_search(tmp_path / "s.yaml", limits=written))]).limits == Limits()


def write_search(path: Path, **keys: Any) -> Path:
    search = {"base": "dense.yaml", "space": WIDE, "epochs": 1, "overrides": QUICK, "refit": False, "pruner": "none"}
    path.write_text(yaml.safe_dump(search | keys))
    return path


def test_a_search_with_limits_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.display.figures.write_figures", lambda *arguments: [])
    monkeypatch.setattr("fmnist_pl.tuning.worker.draw_artifacts", lambda best_epoch: [])
    file = write_search(tmp_path / "small.yaml", limits={"parameters": parameters(16)})
    command = ["--config", str(file), "--limits.flops", "2e4", "--n-trials", "3", "--folder", str(tmp_path)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "limits parameters <= 12,730, flops <= 20,000" in said.split("space:")[0]
    assert "limits: parameters <= 12,730, flops <= 20,000; " in said.split("| rank |")[1]
    home = tmp_path / "small"
    comment = (home / "best.yaml").read_text().splitlines()[2]
    assert comment.startswith("# limits: parameters <= 12,730, flops <= 20,000; this network: parameters ")
    with (home / "trials.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 3
    for row in rows:
        assert int(row["parameters"]) == parameters(int(row[WIDTH]))
        assert int(row["flops"]) == 2 * 794 * int(row[WIDTH]) <= 20_000
    assert sorted(path.name for path in (home / "trials").iterdir()) == sorted(
        f"trial_{int(row['trial']):04}" for row in rows
    ), "a rejected point has no folder"
    assert "| parameters | flops" in (home / "top10.md").read_text()


@pytest.mark.slow
def test_stages_inherit_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.display.figures.write_figures", lambda *arguments: [])
    stages = [{"name": "width", "space": {WIDTH: GRID[WIDTH]}}, {"name": "rate", "space": {RATE: GRID[RATE]}}]
    # the base config is over the limits; the best of the first stage is not
    file = write_search(tmp_path / "s.yaml", space={}, stages=stages, sampler="grid", limits={"parameters": 4000})
    assert main(["--config", str(file), "--folder", str(tmp_path)]) == 0
    with (tmp_path / "s/s-1-width/trials.csv").open() as opened:
        assert [row[WIDTH] for row in csv.DictReader(opened)] == ["4"]
    with (tmp_path / "s/s-2-rate/trials.csv").open() as opened:
        assert [row["parameters"] for row in csv.DictReader(opened)] == [str(parameters(4))] * 2


@pytest.mark.slow
def test_killed_at_any_moment_the_budget_is_exact(
    tune_program: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    file = write_search(tmp_path / "small.yaml", limits={"parameters": parameters(8)}, epochs=8, workers=2)
    home, moments = tmp_path / "runs/tune/small", random.Random(0)
    command = ["--config", str(file), "--n-trials", "12"]
    for _ in range(3):
        before, process = len(trials_of(home)), tune_program(*command)
        try:
            wait_for(lambda: process.poll() is not None or len(trials_of(home)) > before, seconds=300)  # noqa: B023
            time.sleep(moments.uniform(0.0, 2.0))
            workers = {process_of(trial) for trial in running(home)}
        finally:
            process.kill()
            process.communicate()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    process_end(tune_program(*command))
    counted = [trial for trial in trials_of(home) if not is_rejected(trial)]
    rejected = [trial for trial in trials_of(home) if is_rejected(trial)]
    assert len(counted) == 12
    assert {trial.state for trial in counted} <= {TrialState.COMPLETE, TrialState.FAIL}, "FAIL: killed twice"
    assert rejected
    assert not [trial for trial in rejected if (home / "trials" / f"trial_{trial.number:04}").exists()]
