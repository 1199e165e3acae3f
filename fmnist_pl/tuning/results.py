"""Results of a search: best.yaml, trials.csv, tables and figures; each trial in TensorBoard and MLflow."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import optuna
from lightning.pytorch.loggers import TensorBoardLogger
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.atomic_files import replacing
from fmnist_pl.config import flatten, recipe_of
from fmnist_pl.training.hyperparameters import hyperparameters, log_hyperparameters
from fmnist_pl.training.mlflow_runs import Child, ParentRun, parent_run
from fmnist_pl.tuning.display.tables import sizes_text, trials_table, values_text, write_trials
from fmnist_pl.tuning.plan import Plan, write_config
from fmnist_pl.tuning.study import TrialQueue

BEST, TRIALS, TOP, PARETO = "best.yaml", "trials.csv", "top10.md", "pareto_front.md"
EVENTS = "tensorboard"
FINAL = {"accuracy": "Final/val_acc", "parameters": "Final/parameters"}
"""Name of each objective in TensorBoard, as in the runs of train.py."""
STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}
"""Status of a run in MLflow."""


def write_results(queue: TrialQueue) -> list[Path]:
    """Write the results of a study so far.

    Returns:
        The files, trials.csv first.
    """
    plan, home = queue.plan, queue.plan.search.home
    with replacing(home / TRIALS) as file:
        write_trials(file, queue.trials(), plan.search.objectives)
    written = [home / TRIALS]
    best = next(iter(queue.ranked()), None)
    if best is None:
        return written
    config = plan.best_file_config(best.params, best.user_attrs.get("threads"))
    comment = f"# python train.py fit --config {home / BEST}\n# trial {best.number}: {values_text(best)}\n"
    if plan.sizes.are_limited:
        comment += f"# limits: {plan.search.limits}; this network: {sizes_text(best)}\n"
    written.append(write_config(config, home / BEST, comment))
    written.append(_write_text(top_table(queue), home / TOP))
    if len(plan.search.objectives) > 1:
        written.append(_write_text(trials_table(pareto_front(queue.study)), home / PARETO))
    from fmnist_pl.tuning.display.figures import write_figures  # matplotlib takes a second to import

    return written + write_figures(queue.study, list(plan.search.objectives), home)


def top_table(queue: TrialQueue) -> str:
    """Table of the ten best trials."""
    return trials_table(queue.ranked()[:10])


def pareto_front(study: optuna.Study) -> list[FrozenTrial]:
    """Trials of the Pareto front, the most accurate first."""
    return sorted(study.best_trials, key=lambda trial: -trial.values[0])


def write_events(plan: Plan, trial: FrozenTrial) -> None:
    """Write a finished trial for TensorBoard: its curve, and its line of the HParams tab. A failed trial has none."""
    if trial.state == TrialState.FAIL or not (trial.values or trial.intermediate_values):
        return
    logger = TensorBoardLogger(
        plan.search.home / EVENTS, name="", version=f"trial_{trial.number:04}", default_hp_metric=False
    )
    for step, value in sorted(trial.intermediate_values.items()):
        logger.log_metrics({"search/val_acc": value}, step)
    values = trial.values or [max(trial.intermediate_values.values())]
    metrics = {FINAL[name]: value for name, value in zip(plan.search.objectives, values, strict=True)}
    params = hyperparameters(plan.trial_trainings(trial.params)[0], trial.params)
    log_hyperparameters(logger, params | {"state": trial.state.name.lower()}, metrics)
    logger.finalize("success")


def open_parent(plan: Plan) -> ParentRun | None:
    """The run of a search in MLflow, if its config names MLFlowLogger."""
    return parent_run(plan.full_config["trainer"].get("logger"), plan.search.folder, plan.search.name)


def track_trials(queue: TrialQueue) -> ParentRun | None:
    """Write each finished trial that MLflow does not have yet as a child run of the search, if its config asks for it.

    Returns:
        The parent run; ``None`` if the config does not name MLFlowLogger.
    """
    plan, parent = queue.plan, open_parent(queue.plan)
    if parent is None:
        return None
    with queue.lock():  # other workers write their trials too
        present = parent.numbers()
        for trial in queue.trials():
            if trial.state.is_finished() and trial.number not in present:
                parent.add(_child(plan, trial))
    return parent


def track_start(queue: TrialQueue) -> None:
    """Open the search in MLflow, if its config asks for it, with the trials of an earlier command."""
    parent = track_trials(queue)
    if parent is not None:
        parent.start()


def track_end(queue: TrialQueue, files: Iterable[Path]) -> None:
    """Write the results of a search to MLflow, if its config asks for it.

    Args:
        queue: Trials of the study.
        files: Results of the search.
    """
    parent = track_trials(queue)
    if parent is not None:
        finished = sum(trial.state.is_finished() for trial in queue.trials())
        is_complete = finished >= queue.plan.budget or queue.is_out_of_patience
        best = next(iter(queue.ranked()), None)
        metrics = {"trials": float(finished)} | ({} if best is None else _values(queue.plan, best))
        search = asdict(queue.plan.search) | {"folder": str(queue.plan.search.folder)}
        del search["storage"]  # it may hold a password
        parent.finish(metrics, search, files, is_complete=is_complete)


def _child(plan: Plan, trial: FrozenTrial) -> Child:
    config = recipe_of(plan.trial_trainings(trial.params)[0])
    numbers = {name: float(trial.user_attrs[name]) for name in ("seconds", "parameters") if name in trial.user_attrs}
    tags = {"state": trial.state.name.lower(), "reason": str(trial.user_attrs.get("reason", ""))}
    ended = trial.datetime_complete or datetime.now()
    return Child(
        number=trial.number,
        params=dict(flatten(config)) | trial.params,
        metrics=numbers | _values(plan, trial),
        curve=trial.intermediate_values,
        tags={key: value for key, value in tags.items() if value},
        status=STATUS[trial.state],
        start=int((trial.datetime_start or ended).timestamp() * 1000),
        end=int(ended.timestamp() * 1000),
    )


def _values(plan: Plan, trial: FrozenTrial) -> dict[str, float]:
    """Values of a trial, by objective; of a pruned one, the last that it reported."""
    return dict(zip(plan.search.objectives, trial.values or [], strict=False))


def _write_text(text: str, path: Path) -> Path:
    with replacing(path) as file:
        file.write(f"{text}\n")
    return path
