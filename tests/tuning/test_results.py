"""Tables and figures of a study, compared by what they show."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from matplotlib import pyplot
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.tuning.display import figures
from fmnist_pl.tuning.display.figures import write_figures
from fmnist_pl.tuning.display.tables import short_names, trials_table, write_trials

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


def study_of(trials: list[FrozenTrial], **directions: Any) -> optuna.Study:
    study = optuna.create_study(**directions)
    study.add_trials(trials)
    return study


@pytest.fixture
def _closed() -> Iterator[None]:
    """Optuna's figures are pyplot's, which keeps them until they are closed."""
    yield
    pyplot.close("all")


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.usefixtures("_closed")
class TestOptunaFigures:
    def test_history_shows_the_complete_trials_and_the_best_so_far(self, trials: list[FrozenTrial]) -> None:
        (axes,) = figures.history_figure(study_of(trials, direction="maximize"), "accuracy").axes
        assert list(axes.lines[0].get_ydata())[:3] == [0.5, 0.9, 0.9]
        assert axes.collections[0].get_offsets()[:, 1].tolist() == [0.5, 0.9, 0.7]
        assert axes.get_ylabel() == "accuracy"

    def test_a_diverged_trial_does_not_flatten_the_history(self) -> None:
        values = [0.1, 0.92, 0.93, 0.94, 0.935]
        made = [trial(number, value) for number, value in enumerate(values)]
        for direction, sign in (("maximize", 1), ("minimize", -1)):
            for one, value in zip(made, values, strict=True):
                one.value = sign * value
            (axes,) = figures.history_figure(study_of(made, direction=direction), "accuracy").axes
            low, high = sorted(sign * end for end in axes.get_ylim())
            assert 0.88 < low < 0.92
            assert 0.94 < high < 0.95

    def test_importances_are_bars(self) -> None:
        made = [trial(number, [0.5, 0.9, 0.7][number % 3]) for number in range(12)]
        figure = figures.importances_figure(study_of(made, direction="maximize"), "accuracy")
        assert figure is not None
        (axes,) = figure.axes
        widths = [bar.get_width() for bar in axes.patches]
        assert sum(widths) == pytest.approx(1)
        assert {label.get_text() for label in axes.get_yticklabels()} == {"lr", "blocks.0.1", "activation"}
        assert axes.get_title(), "and no second title beside it"
        assert not axes.get_title("left")

    def test_importances_without_variation_are_left_out(self, tmp_path: Path) -> None:
        made = [trial(number, 0.5) for number in range(4)]
        names = [path.stem for path in write_figures(study_of(made, direction="maximize"), ["accuracy"], tmp_path)]
        assert names[:3] == ["history", "slices", "parallel_coordinates"]
        assert not pyplot.get_fignums(), "all are closed"

    def test_the_front_names_its_trials(self) -> None:
        made = [
            optuna.trial.create_trial(values=values, params={"a": 1}, distributions={"a": IntDistribution(1, 2)})
            for values in ([0.9, 1000], [0.8, 500], [0.7, 2000])
        ]
        study = study_of(made, directions=["maximize", "minimize"])
        (axes,) = figures.pareto_figure(study, ["accuracy", "parameters"]).axes
        others, front = axes.collections
        assert others.get_offsets().tolist() == [[2000, 0.7]]
        assert sorted(front.get_offsets().tolist()) == [[500, 0.8], [1000, 0.9]]
        assert sorted(text.get_text() for text in axes.texts) == ["0", "1"]
        assert axes.get_xscale() == "log"


def test_slices_have_axes_for_each_key(trials: list[FrozenTrial]) -> None:
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
