"""Compare recipes by their runs: metrics over seeds, config keys that differ, and paired tests on the test images."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_pl.config import flatten, is_output, recipe_of
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.predictions_csv import PREDICTIONS, read_predictions
from fmnist_pl.reporting.runs import HISTORY, METRICS, Run, read_history, read_run
from fmnist_pl.reporting.statistics import mean_and_sd, paired_difference
from fmnist_pl.reporting.tables import markdown_table

COLUMNS = {
    "images": ("data_source", "s"),
    "seeds": ("seed", "d"),
    "parameters": ("params", ",d"),
    "epochs": ("epochs", "d"),
    "seconds": ("train_seconds", ".1f"),
    "images/s": ("images_per_second", ",.0f"),
    "val accuracy": ("val.acc", ".4f"),
    "test accuracy": ("test.acc", ".4f"),
    "95% from": ("test.acc_low", ".4f"),
    "95% to": ("test.acc_high", ".4f"),
    "test loss": ("test.loss", ".4f"),
    "top 2": ("test.top2", ".4f"),
    "macro F1": ("test.macro.f1", ".4f"),
    "calibration error": ("test.ece", ".4f"),
}
"""Name of a column -> dotted key of metrics.json, and its format."""
OF_ONE_RUN = ("95% from", "95% to")
"""Intervals for the test images alone: several runs have a standard deviation instead."""

ABSENT = "-"
LONGEST = 200  # characters of a value in the table


@dataclass(frozen=True)
class Recipe:
    """One or more runs of the same recipe with different seeds."""

    name: str
    runs: Sequence[Run]

    def cell(self, column: str) -> str:
        """The text of a column of `COLUMNS`: the value, or mean ± standard deviation of values that differ."""
        key, form = COLUMNS[column]
        texts = [_metric_text(run, key, form) for run in self.runs]
        if len(set(texts)) == 1 and (len(self.runs) == 1 or column not in OF_ONE_RUN):
            return texts[0]
        if ABSENT in texts or column in OF_ONE_RUN:
            return ABSENT
        if form in ("s", "d"):
            return ", ".join(texts)
        return mean_and_sd([_value(run, key) for run in self.runs], form if "f" in form else ",.0f")


def compare(paths: Sequence[Path], curves: Path | None = None) -> str:
    """Compare two or more runs.

    Args:
        paths: Folders of the runs.
        curves: PNG file for the learning curves of the recipes; ``None`` for none.

    Returns:
        The text of `comparison`.

    Raises:
        UserError: A path is not the folder of a run, a file of a run is damaged, there are fewer than two runs, or the
            file for the curves cannot be written.
    """
    if len(paths) < 2:
        raise UserError("compare needs at least two runs: give the folders of two or more runs")
    if curves is not None and curves.suffix != ".png":
        raise UserError(f"--curves {curves}: give a file that ends in .png")
    runs = [read_run(path) for path in paths]
    text = comparison(runs)
    if curves is not None:
        _draw_curves(runs, curves)
        text += f"\n\nlearning curves: {curves}"
    return text


def comparison(runs: Sequence[Run]) -> str:
    """Two Markdown tables, the metrics of each recipe and the config keys that differ, and the paired tests.

    Raises:
        UserError: A file of a run is damaged, or a run is given twice.
    """
    recipes = group_by_recipe(runs)
    differences = difference_rows(recipes)
    names = [recipe.name for recipe in recipes]
    configs = markdown_table([["config", *names], *differences]) if differences else "the configs are the same"
    parts = [markdown_table(metric_rows(recipes)), configs, "\n".join(paired_tests(recipes))]
    return "\n\n".join(part for part in parts if part)


def group_by_recipe(runs: Sequence[Run]) -> list[Recipe]:
    """Put runs together whose recipes differ by the seed alone, in the order of their first runs."""
    names = dict(zip([run.folder for run in runs], _names(runs), strict=True))
    groups: dict[str, list[Run]] = {}
    for run in runs:
        seed = run.metrics.get("seed")
        same = groups.setdefault(_recipe_text(run), [])
        if any(other.metrics.get("seed") == seed for other in same):  # a second run of a seed is no other sample
            same = groups.setdefault(f"{_recipe_text(run)} {run.folder}", [])
        same.append(run)
    return [Recipe(names[group[0].folder] + " …" * (len(group) > 1), group) for group in groups.values()]


def metric_rows(recipes: Sequence[Recipe]) -> list[list[str]]:
    """The head, and one row per recipe: its name, the number of its runs, and each metric that at least one has."""
    columns = [[name, *(recipe.cell(name) for recipe in recipes)] for name in COLUMNS]
    columns = [column for column in columns if set(column[1:]) != {ABSENT}]
    first = [["", *(recipe.name for recipe in recipes)], ["n", *(str(len(recipe.runs)) for recipe in recipes)]]
    return [list(row) for row in zip(*first, *columns, strict=True)]


def difference_rows(recipes: Sequence[Recipe]) -> list[list[str]]:
    """One row per recipe or machine key whose value differs: the key, then its value in each recipe's first run."""
    configs = [{key: _text(value) for key, value in flatten(recipe.runs[0].config)} for recipe in recipes]
    keys = dict.fromkeys(key for config in configs for key in config if not is_output(key))
    rows = [[key, *(config.get(key, ABSENT) for config in configs)] for key in keys]
    return [[_shortened(cell) for cell in row] for row in rows if len(set(row[1:])) > 1]


def paired_tests(recipes: Sequence[Recipe]) -> list[str]:
    """One sentence for each two recipes whose runs hold predictions for the same images."""
    answers = {recipe.name: _answers(recipe) for recipe in recipes}
    sentences = []
    for first, second in combinations(recipes, 2):
        ours, theirs = answers[first.name], answers[second.name]
        if ours is None or theirs is None or ours.labels != theirs.labels:
            continue
        found = paired_difference(ours.is_right, theirs.is_right)
        verdict = "the difference is significant" if found.is_significant else "this could be chance"
        sentences.append(
            f"{first.name} against {second.name}: {found.mean:+.4f} test accuracy on the same {len(ours.labels):,} "
            f"images (95% interval {found.low:+.4f} to {found.high:+.4f}, {found.method}): {verdict}"
        )
    return sentences


def _draw_curves(runs: Sequence[Run], file: Path) -> None:
    # matplotlib takes a second to import, and the tables do not need it
    from fmnist_pl.reporting.figures import FigureEntry, draw_figures, write_figures
    from fmnist_pl.reporting.plots.curves import recipe_curves_figure

    recipes = group_by_recipe(runs)
    histories = {recipe.name: [read_history(run.folder / HISTORY) for run in recipe.runs] for recipe in recipes}
    write_figures(draw_figures([FigureEntry(file.stem, "", recipe_curves_figure)], histories).values(), file.parent)


@dataclass(frozen=True)
class _Answers:
    """Labels of the test images, and whether each run (rows) is right about each image: bool (runs, images)."""

    labels: list[str]
    is_right: np.ndarray


def _answers(recipe: Recipe) -> _Answers | None:
    """The predictions of all runs of a recipe; ``None`` if a run has none, or the runs were tested on other images."""
    files = [run.folder / "report" / PREDICTIONS for run in recipe.runs]
    if not all(file.is_file() for file in files):
        return None
    predicted = [read_predictions(file) for file in files]
    if any(labels != predicted[0][0] for labels, _ in predicted):
        return None
    return _Answers(predicted[0][0], np.array([np.array(labels) == np.array(found) for labels, found in predicted]))


def _recipe_text(run: Run) -> str:
    recipe = {
        key: value for key, value in flatten(recipe_of(run.config)) if key not in ("seed_everything", "data.seed")
    }
    return _text([recipe, run.metrics.get("data_source")])


def _names(runs: Sequence[Run]) -> list[str]:
    """The shortest ends of the runs' paths, at least two parts long, that distinguish the runs."""
    parts = [run.folder.absolute().parts for run in runs]
    for length in range(2, max(map(len, parts)) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    raise UserError(f"{runs[0].folder} is given twice: give different runs")


def _metric_text(run: Run, key: str, form: str) -> str:
    value = _value(run, key)
    try:
        return ABSENT if value is None else _shortened(format(value, form))
    except (TypeError, ValueError, OverflowError) as error:
        wanted = "text" if form == "s" else "a number"
        raise UserError(
            f"{run.folder / METRICS}: {key} is {_shortened(_text(value))}, not {wanted}: is this the file of a run?"
        ) from error


def _value(run: Run, key: str) -> Any:
    value: Any = run.metrics
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, skipkeys=True)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
