"""Several runs side by side: their figures, their curves, and where their configs differ."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fmnist_pl.atomic_files import replacing
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.curves import overlaid_curves_figure
from fmnist_pl.reporting.page import render
from fmnist_pl.reporting.picture_files import Picture, png_of
from fmnist_pl.reporting.runs import Run, read_run
from fmnist_pl.reporting.tables import markdown_table

NOT_COMPARED = ("name", "trainer.default_root_dir")
"""Keys that say where a run is, not what."""

FIGURES = {
    "images": ("data_source", "{}"),
    "seed": ("seed", "{}"),
    "parameters": ("params", "{:,}"),
    "epochs": ("epochs", "{}"),
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
"""What is shown of metrics.json: by its name, the key and how it is written."""

ABSENT = "-"
PICTURE = "curves"


def compare(paths: Sequence[Path], html: Path | None = None) -> str:
    """Compare runs.

    Args:
        paths: The runs' folders, two or more.
        html: Where to write a page with tables and curves; ``None`` for no page.

    Returns:
        Two tables in Markdown.

    Raises:
        UserError: A path is no run's folder, there are fewer than two, or the page cannot be written.
    """
    if len(paths) < 2:
        raise UserError("compare what with what? Name two or more runs' folders")
    runs = [read_run(path) for path in paths]
    names = _names(runs)
    figures = [["", *names], *figure_rows(runs)]
    differences = [["config", *names], *difference_rows(runs)]
    if html is not None:
        _write_page(html, runs, figures, differences)
    same = "their configs are the same" if len(differences) == 1 else markdown_table(differences)
    return f"{markdown_table(figures)}\n\n{same}"


def figure_rows(runs: Sequence[Run]) -> list[list[str]]:
    """A row for each figure that one of the runs has: its name, then its value in each run."""
    rows = []
    for name, (key, form) in FIGURES.items():
        values = [_at(run.metrics, key) for run in runs]
        rows.append([name, *(ABSENT if value is None else form.format(value) for value in values)])
    return [row for row in rows if set(row[1:]) != {ABSENT}]


def difference_rows(runs: Sequence[Run]) -> list[list[str]]:
    """A row for each key of a config that is not the same in all runs: the key, then its value in each."""
    flat = [dict(_flat(run.config)) for run in runs]
    keys = dict.fromkeys(key for config in flat for key in config if key not in NOT_COMPARED)
    rows = [[key, *(config.get(key, ABSENT) for config in flat)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _write_page(html: Path, runs: Sequence[Run], figures: list[list[str]], differences: list[list[str]]) -> None:
    kinds = " and ".join(sorted({run.metrics["data_source"] for run in runs}))
    histories = {name: run.history for name, run in zip(_names(runs), runs, strict=True) if run.history}
    caption = "Validation in full lines, training in dotted ones."
    picture = Picture(caption, lambda: overlaid_curves_figure(histories))
    with replacing(html) as file:
        file.write(
            render(
                "comparison.html",
                {PICTURE: png_of(picture)} if histories else {},
                title=f"{len(runs)} runs compared, on {kinds} images",
                captions={PICTURE: caption},
                missing={PICTURE: "the runs left no history."},
                sources_of_data=[run.metrics["data_source"] for run in runs],
                figures=figures,
                differences=differences,
            )
        )


def _names(runs: Sequence[Run]) -> list[str]:
    """What to call the runs: the ends of their paths, as long as is needed to tell them apart."""
    parts = [run.folder.absolute().parts for run in runs]
    for length in range(2, max(map(len, parts)) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    raise UserError(f"{runs[0].folder} is named twice: name different runs")


def _flat(config: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a nested config, as text, by its dotted key."""
    if isinstance(config, dict) and config:
        for part, value in config.items():
            yield from _flat(value, f"{key}.{part}" if key else str(part))
    else:
        yield key, config if isinstance(config, str) else json.dumps(config, default=str)


def _at(metrics: Any, key: str) -> Any:
    for part in key.split("."):
        metrics = metrics.get(part) if isinstance(metrics, dict) else None
    return metrics
