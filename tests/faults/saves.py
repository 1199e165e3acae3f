"""One save of each kind, by the code that train.py, tune.py and the export call, for a small run and two small studies.

A save is called twice: the first time it writes the earlier files, the second time it replaces them or adds to them.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from matplotlib.figure import Figure

from fmnist_pl.export.export import export
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.figures import draw_figures
from fmnist_pl.reporting.predictions_csv import write_predictions
from fmnist_pl.reporting.report import write_report
from fmnist_pl.reporting.report_figures import FIGURES, ReportInputs
from fmnist_pl.training import commands
from fmnist_pl.training.checkpoints import LastCheckpoint
from fmnist_pl.training.options import Options
from fmnist_pl.training.run_folder import RunRecorder, run_folder, write_history, write_metrics
from fmnist_pl.training.signals import StopOnSignal
from fmnist_pl.tuning import Search
from fmnist_pl.tuning.liveness import WorkerLock
from fmnist_pl.tuning.plan import Plan, base_config
from fmnist_pl.tuning.results import write_results
from fmnist_pl.tuning.storage import one_line_storage_errors
from fmnist_pl.tuning.study import TrialQueue, open_study
from tests.conftest import SMALL

Save = Callable[[int], object]
"""Saves for the first (0) or the second (1) time."""

KINDS = (
    "checkpoint", "config", "metrics", "history", "predictions", "report", "export", "journal", "results",
)  # fmt: skip
FIT = [
    "--config", "dense.yaml", "--model.hidden_sizes", "[8]", *SMALL, "--data.synthetic_size", "200", "--threads", "1",
    "--trainer.max_epochs", "1", "--trainer.logger", "false",
]  # fmt: skip
SPACE = {"optimizer.init_args.lr": {"float": {"low": 1e-4, "high": 1e-2, "log": True}}}
STUDY = "study"
PARETO_FIGURE = "fmnist_pl.tuning.display.figures.pareto_figure"


def prepare(folder: Path) -> dict[str, Save]:
    """Train a network of eight units, open two studies, and return the save of each of `KINDS`."""
    options = Options("fit", [*FIT, "--trainer.default_root_dir", str(folder)])
    with mock.patch("fmnist_pl.training.report.write_report", side_effect=write_report) as writer:
        metrics = commands.fit(options)
    run, trainer, model = run_folder(options.trainer), options.trainer, options.model

    def save_checkpoint(time: int) -> None:
        with torch.no_grad():
            next(model.parameters()).fill_(time)
        LastCheckpoint(StopOnSignal()).on_train_epoch_end(trainer, model)

    def save_config(time: int) -> None:
        RunRecorder(options.plain_config | {"seed_everything": time}).setup(trainer, model, "fit")

    def save_predictions(time: int) -> None:
        probabilities = torch.randn(100, 10, generator=torch.Generator().manual_seed(time)).softmax(dim=1)
        write_predictions(folder / "predictions.csv", torch.arange(100) % 10, probabilities)

    def save_export(time: int) -> None:
        if time:  # an export replaces nothing
            export(run / "checkpoints/best.ckpt", "safetensors", folder / "export")

    saves: list[Save] = [
        save_checkpoint,
        save_config,
        lambda time: write_metrics(run, metrics | {"seed": time}),
        lambda time: write_history(run, model.history * (time + 1)),
        save_predictions,
        _save_report(*writer.call_args.args),
        save_export,
        _save_trial(folder / "journal"),
        _save_results(folder / "results"),
    ]
    return dict(zip(KINDS, saves, strict=True))


def _save_report(inputs: ReportInputs, found: Any, figures: Any, folder: Path) -> Save:
    """The report of a fit; the second time with the probabilities in reverse order."""
    had = inputs.evaluation
    evaluation = Evaluation(had.labels, had.probabilities[::-1].copy(), had.class_names)
    other = dataclasses.replace(inputs, evaluation=evaluation, metrics=inputs.metrics | {"seed": 1})
    versions = [(inputs, figures), (other, draw_figures(FIGURES, other))]
    return lambda time: write_report(versions[time][0], found, versions[time][1], folder)


def _save_trial(folder: Path) -> Save:
    """All lines of a trial in the journal, from its claim to its end."""
    plan = _plan(folder, objectives=["accuracy"])

    def save(time: int) -> None:
        with one_line_storage_errors():
            lock = WorkerLock(plan.search.home)
            try:
                _run_trial(open_study(plan), lock.worker)
            finally:
                lock.release()

    return save


def _save_results(folder: Path) -> Save:
    """All results of a search: best.yaml, its tables and a figure; the second time with one more trial.

    The figure is empty, since it would take most of the time to draw it.
    """
    queue = open_study(_plan(folder, objectives=["accuracy", "parameters"]))
    _run_trial(queue, "worker")
    _run_trial(queue, "worker")

    def save(time: int) -> None:
        with one_line_storage_errors(), mock.patch(PARETO_FIGURE, return_value=Figure((1, 1 + time))):
            write_results(queue)
        if not time:
            _run_trial(queue, "worker")

    return save


def _plan(folder: Path, objectives: list[str]) -> Plan:
    search = Search(
        base="dense.yaml", space=SPACE, n_trials=8, folder=folder, study_name=STUDY, objectives=objectives
    )  # fmt: skip
    return Plan(search, base_config(search))


def _run_trial(queue: TrialQueue, worker: str) -> None:
    """Claim, report and end a trial, without a training."""
    trial = queue.claim(worker)
    assert trial is not None, "the budget is not used up"
    values = [0.5 + trial.number / 100, 1000.0][: len(queue.plan.search.objectives)]
    if len(values) == 1:
        trial.report(values[0], 0)
    queue.study.tell(trial, values)
