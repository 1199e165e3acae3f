"""Pictures of a study: drawn by Optuna, in one size and style."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import optuna
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from optuna.visualization import matplotlib as plots

from fmnist_pl.files import replacing
from fmnist_pl.reporting.search_tables import short_key

STYLE: dict[Any, Any] = {"font.size": 10, "axes.grid": True, "grid.alpha": 0.3, "axes.titlesize": 12, "figure.dpi": 110}
FEWEST = 2
"""Complete trials that a picture needs to say anything."""


def write_pictures(study: optuna.Study, objectives: list[str], folder: Path) -> list[Path]:
    """Draw what can be drawn of a study: history, slices, parallel coordinates, importances, Pareto front.

    Args:
        study: With its trials.
        objectives: Their names, in the study's order.
        folder: Where the PNG files go.

    Returns:
        The files.
    """
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < FEWEST:
        return []
    written = []
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Optuna's experimental pictures, and of layouts that it crowds
        matplotlib.use("Agg")
        for name, draw in _drawings(study, objectives).items():
            try:
                figure = _figure_of(draw())
            except (ValueError, RuntimeError):  # nothing varies, say, so that no importance is there to be drawn
                continue
            path = folder / f"{name}.png"
            with replacing(path, "wb") as file:
                figure.savefig(file, format="png", bbox_inches="tight")
            plt.close("all")
            written.append(path)
    return written


def _drawings(study: optuna.Study, objectives: list[str]) -> dict[str, Callable[[], Any]]:
    if len(objectives) > 1:
        return {"pareto_front": lambda: plots.plot_pareto_front(study, target_names=objectives)}
    name = "validation accuracy" if objectives == ["accuracy"] else objectives[0]
    return {
        "history": lambda: plots.plot_optimization_history(study, target_name=name),
        "importances": lambda: plots.plot_param_importances(study, target_name=name),
        "slices": lambda: plots.plot_slice(study, target_name=name),
        "parallel_coordinates": lambda: plots.plot_parallel_coordinate(study, target_name=name),
    }


def _figure_of(axes: Any) -> Figure:
    """The figure of Optuna's axes, wide enough, with short names of the keys."""
    all_axes = list(axes.flat) if hasattr(axes, "flat") else [axes]
    figure: Figure = all_axes[0].figure
    for ax in figure.axes:
        ax.set_xlabel(short_key(ax.get_xlabel()))
        ax.set_ylabel(short_key(ax.get_ylabel()))
    return figure
