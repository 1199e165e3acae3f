"""A study's tables and figures, compared by what they hold."""

import csv
import io
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.reporting import search_figures as figures
from fmnist_pl.reporting.search_tables import short_names, trials_table, write_trials

DISTRIBUTIONS = {
    "optimizer.init_args.lr": FloatDistribution(1e-4, 1e-2, log=True),
    "model.init_args.blocks.0.1": IntDistribution(16, 48, step=16),
    "model.init_args.activation": CategoricalDistribution(["relu", "gelu"]),
}


def trial(number: int, value: float | None, state: TrialState = TrialState.COMPLETE, **more: Any) -> FrozenTrial:
    params = dict(
        zip(DISTRIBUTIONS, (10 ** (-4 + number % 3), 16 * (number % 3 + 1), ("relu", "gelu")[number % 2]), strict=True)
    )
    made = optuna.trial.create_trial(
        state=state, value=value, params=params, distributions=DISTRIBUTIONS, user_attrs=more,
        intermediate_values={0: 0.3} if state == TrialState.PRUNED else {},
    )  # fmt: skip
    made.number = number
    return made


@pytest.fixture
def trials() -> list[FrozenTrial]:
    complete = [trial(number, value, scores=[value, 0.5]) for number, value in enumerate([0.5, 0.9, 0.7])]
    return [*complete, trial(3, None, TrialState.PRUNED), trial(4, None, TrialState.FAIL, reason="it diverged")]


def test_short_names_tell_apart() -> None:
    names = short_names(["a.init_args.lr", "b.blocks.0.1", "c.dropout", "d.dropout"])
    assert list(names.values()) == ["lr", "blocks.0.1", "c.dropout", "d.dropout"]


def test_the_table_has_a_line_for_each(trials: list[FrozenTrial]) -> None:
    lines = trials_table(trials[:2]).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == (
        ["rank", "trial", "score", "lr", "blocks.0.1", "activation", "seconds"]
    )
    assert "0.9000" in lines[3]
    assert len({len(line) for line in lines}) == 1, "aligned"


def test_the_csv_holds_every_trial(trials: list[FrozenTrial]) -> None:
    file = io.StringIO()
    write_trials(file, trials, ["accuracy"])
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [row["state"] for row in rows] == ["complete", "complete", "complete", "pruned", "fail"]
    assert [row["accuracy"] for row in rows] == ["0.5", "0.9", "0.7", "", ""]
    assert rows[1]["score_1"] == "0.9"
    assert rows[4]["reason"] == "it diverged"


def test_history_shows_each_trial_and_the_best_so_far(trials: list[FrozenTrial]) -> None:
    (axes,) = figures.history_figure(trials, "accuracy", 1).axes
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.9, 0.9]
    pruned, complete = axes.collections
    assert complete.get_offsets()[:, 1].tolist() == [0.5, 0.9, 0.7]
    assert pruned.get_offsets().tolist() == [[3.0, pytest.approx(0.9 - 3 * 0.2)]], "below the picture, so at its edge"


def test_history_goes_down_where_less_is_better(trials: list[FrozenTrial]) -> None:
    (axes,) = figures.history_figure(trials[:3], "parameters", -1).axes
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.5, 0.5]


def test_importances_are_bars() -> None:
    (axes,) = figures.importances_figure({"optimizer.init_args.lr": 0.7, "data.batch_size": 0.3}, "accuracy").axes
    assert [bar.get_width() for bar in axes.patches] == [0.3, 0.7]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["batch_size", "lr"]


def test_slices_have_a_picture_for_each_key(trials: list[FrozenTrial]) -> None:
    axes = figures.slices_figure(trials[:3], "accuracy").axes
    assert [ax.get_xlabel() for ax in axes] == ["lr", "blocks.0.1", "activation"]
    lr = axes[0].collections[0].get_offsets()
    assert lr[:, 0].tolist() == pytest.approx([0.0, 0.5, 1.0]), "on its logarithm"
    assert lr[:, 1].tolist() == [0.5, 0.9, 0.7]
    assert [label.get_text() for label in axes[2].get_xticklabels()] == ["relu", "gelu"]


def test_parallel_coordinates_have_a_line_for_each_trial(trials: list[FrozenTrial]) -> None:
    axes = figures.parallel_figure(trials[:3], "accuracy").axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [
        pytest.approx([0.0, 0.0, 0.0]), pytest.approx([1.0, 1.0, 0.0]), pytest.approx([0.5, 0.5, 1.0]),
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_xticklabels()] == ["lr", "blocks.0.1", "activation"]


def test_a_key_that_is_not_there_leaves_a_gap(trials: list[FrozenTrial]) -> None:
    del trials[0].params["optimizer.init_args.lr"]
    figures.parallel_figure(trials[:3], "accuracy")
    assert len(figures.slices_figure(trials[:3], "accuracy").axes[-1].collections[0].get_offsets()) == 2


def test_the_front_is_joined() -> None:
    made = [
        optuna.trial.create_trial(values=values, params={"a": 1}, distributions={"a": IntDistribution(1, 2)})
        for values in ([0.9, 1000], [0.8, 500], [0.7, 2000])
    ]
    (axes,) = figures.pareto_figure(made, made[:2], ["accuracy", "parameters"]).axes
    assert axes.lines[0].get_xdata().tolist() == [500, 1000]
    assert axes.lines[0].get_ydata().tolist() == [0.8, 0.9]
    assert axes.get_xscale() == "log"
