"""Compare runs: their metrics, and the keys in which their configs differ."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fmnist_pl.config import flatten, is_output
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.runs import METRICS, Run, read_run
from fmnist_pl.reporting.tables import markdown_table

ROWS = {
    "images": ("data_source", "{:s}"),
    "seed": ("seed", "{:d}"),
    "parameters": ("params", "{:,}"),
    "epochs": ("epochs", "{:d}"),
    "training seconds": ("train_seconds", "{:.1f}"),
    "images/s": ("images_per_second", "{:,.0f}"),
    "validation accuracy": ("val.acc", "{:.4f}"),
    "validation loss": ("val.loss", "{:.4f}"),
    "test accuracy": ("test.acc", "{:.4f}"),
    "95% from": ("test.acc_low", "{:.4f}"),
    "95% to": ("test.acc_high", "{:.4f}"),
    "test loss": ("test.loss", "{:.4f}"),
    "top-2 accuracy": ("test.top2", "{:.4f}"),
    "macro F1": ("test.macro.f1", "{:.4f}"),
    "calibration error": ("test.ece", "{:.4f}"),
}
"""Name of a row -> dotted key of metrics.json, and its format."""

ABSENT = "-"
LONGEST = 200  # characters of a value in the table


def compare(paths: Sequence[Path]) -> str:
    """Compare two or more runs.

    Args:
        paths: Folders of the runs.

    Returns:
        Two Markdown tables: the metrics, and the config keys that differ.

    Raises:
        UserError: A path is not the folder of a run, a file of a run is damaged, or there are fewer than two runs.
    """
    if len(paths) < 2:
        raise UserError("compare needs at least two runs: give the folders of two or more runs")
    runs = [read_run(path) for path in paths]
    names = _names(runs)
    differences = difference_rows(runs)
    configs = markdown_table([["config", *names], *differences]) if differences else "the configs are the same"
    return f"{markdown_table([['', *names], *metric_rows(runs)])}\n\n{configs}"


def metric_rows(runs: Sequence[Run]) -> list[list[str]]:
    """One row per metric that at least one run has: its name, then its value in each run."""
    rows = []
    for name, (key, form) in ROWS.items():
        rows.append([name, *(_metric_text(run, key, form) for run in runs)])
    return [row for row in rows if set(row[1:]) != {ABSENT}]


def difference_rows(runs: Sequence[Run]) -> list[list[str]]:
    """One row per recipe or machine key whose value differs: the key, then its value in each run."""
    configs = [{key: _text(value) for key, value in flatten(run.config)} for run in runs]
    keys = dict.fromkeys(key for config in configs for key in config if not is_output(key))
    rows = [[key, *(config.get(key, ABSENT) for config in configs)] for key in keys]
    return [[_shortened(cell) for cell in row] for row in rows if len(set(row[1:])) > 1]


def _names(runs: Sequence[Run]) -> list[str]:
    """The shortest ends of the runs' paths, at least two parts long, that distinguish the runs."""
    parts = [run.folder.absolute().parts for run in runs]
    for length in range(2, max(map(len, parts)) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    raise UserError(f"{runs[0].folder} is given twice: give different runs")


def _metric_text(run: Run, key: str, form: str) -> str:
    value: Any = run.metrics
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    try:
        return ABSENT if value is None else _shortened(form.format(value))
    except (TypeError, ValueError, OverflowError) as error:
        wanted = "text" if form == "{:s}" else "a number"
        raise UserError(
            f"{run.folder / METRICS}: {key} is {_shortened(_text(value))}, not {wanted}: is this the file of a run?"
        ) from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, skipkeys=True)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
