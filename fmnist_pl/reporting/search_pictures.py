"""The pictures of a study as files."""

import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
from matplotlib.figure import Figure
from optuna.trial import TrialState

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting import search_figures as figures
from fmnist_pl.reporting.plots.style import plot_style

FEWEST = 2
"""Complete trials that a picture needs to say anything."""


def write_pictures(study: optuna.Study, objectives: list[str], folder: Path) -> list[Path]:
    """Draw what can be drawn of a study.

    Args:
        study: With its trials.
        objectives: Their names, in the study's order.
        folder: Where the PNG files go.

    Returns:
        The files; none where too few trials are complete.
    """
    written = []
    with plot_style():
        for name, draw in _drawings(study, objectives).items():
            path = folder / f"{name}.png"
            with replacing(path, "wb") as file:
                draw().savefig(file, format="png", bbox_inches="tight")
            written.append(path)
    return written


def _drawings(study: optuna.Study, objectives: list[str]) -> dict[str, Callable[[], Figure]]:
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(complete) < FEWEST or not any(trial.params for trial in complete):
        return {}
    if len(objectives) > 1:
        return {"pareto_front": lambda: figures.pareto_figure(complete, study.best_trials, objectives)}
    name = "validation accuracy" if objectives == ["accuracy"] else objectives[0]
    sign = 1 if objectives == ["accuracy"] else -1
    importances = _importances(study)
    drawings: dict[str, Callable[[], Figure]] = {
        "history": lambda: figures.history_figure(trials, name, sign),
        "slices": lambda: figures.slices_figure(complete, name),
        "parallel_coordinates": lambda: figures.parallel_figure(complete, name),
    }
    if importances:
        drawings["importances"] = lambda: figures.importances_figure(importances, name)
    return drawings


def _importances(study: optuna.Study) -> dict[str, float]:
    """How much each key matters; nothing where that cannot be told, since all values are the same, say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return optuna.importance.get_param_importances(study)
        except (ValueError, RuntimeError):
            return {}
