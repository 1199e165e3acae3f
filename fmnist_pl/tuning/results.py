"""Results of a search: best.yaml, trials.csv, tables and figures in its folder; TensorBoard events of each trial."""

from pathlib import Path

import optuna
from lightning.pytorch.loggers import TensorBoardLogger
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.atomic_files import replacing
from fmnist_pl.tuning.display.tables import trials_table, values_text, write_trials
from fmnist_pl.tuning.plan import Plan, write_config
from fmnist_pl.tuning.study import TrialQueue

BEST, TRIALS, TOP, PARETO = "best.yaml", "trials.csv", "top10.md", "pareto_front.md"
EVENTS = "tensorboard"


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
    metrics = {f"search/{name}": value for name, value in zip(plan.search.objectives, values, strict=True)}
    params = {key: value if isinstance(value, int | float) else str(value) for key, value in trial.params.items()}
    logger.log_hyperparams({**params, "state": trial.state.name.lower()}, metrics)
    logger.finalize("success")


def _write_text(text: str, path: Path) -> Path:
    with replacing(path) as file:
        file.write(f"{text}\n")
    return path
