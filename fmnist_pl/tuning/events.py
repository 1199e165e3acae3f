"""TensorBoard's events of a search: the curve of each trial, and the HParams tab over all of them."""

from lightning.pytorch.loggers import TensorBoardLogger
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.tuning.search import Search

FOLDER = "tensorboard"


def write_events(search: Search, trial: FrozenTrial) -> None:
    """Write what a finished trial chose and came to; nothing for one that failed."""
    if trial.state == TrialState.FAIL or not (trial.values or trial.intermediate_values):
        return
    logger = TensorBoardLogger(
        search.home / FOLDER, name="", version=f"trial_{trial.number:04}", default_hp_metric=False
    )
    for step, value in sorted(trial.intermediate_values.items()):
        logger.log_metrics({"search/val_acc": value}, step)
    values = trial.values or [max(trial.intermediate_values.values())]
    figures = {f"search/{objective}": value for objective, value in zip(search.objectives, values, strict=True)}
    choices = {key: value if isinstance(value, int | float) else str(value) for key, value in trial.params.items()}
    logger.log_hyperparams({**choices, "state": trial.state.name.lower()}, figures)
    logger.finalize("success")
