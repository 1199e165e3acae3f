"""Loggers of ``trainer.logger`` beside TensorBoard: where they write, and what they receive beside Lightning's metrics.

Every logger gets the config and the final metrics; TensorBoard, MLflow and W&B also get the figures.
"""

import io
import logging
import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jsonargparse import Namespace
from lightning import Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from PIL import Image

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.training.hyperparameters import hyperparameters, log_hyperparameters
from fmnist_pl.training.run_folder import RunLogger, expand, run_folder

if TYPE_CHECKING:
    from fmnist_pl.reporting.figures import DrawnFigure  # imports matplotlib

PROJECT = "fmnist_pl"  # MLflow's experiment and W&B's project
CSV_FOLDER = "csv"
MLFLOW = "lightning.pytorch.loggers.MLFlowLogger"
INSTALL = "pip install -e '.[trackers]' in the checkout"
FINAL = [(stage, name) for stage in ("test", "val") for name in ("acc", "loss")]
MORE_OF_TEST = ("acc_low", "acc_high", "top2", "ece")  # metrics of a test that Lightning does not log
QUIET_MLFLOW = {"MLFLOW_LOGGING_LEVEL": "WARNING", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""Environment, where the user has not set it: no lines about new databases, and no report of its use to its makers."""


class RunCSVLogger(CSVLogger):
    """Lightning's CSVLogger, in the run's folder: ``csv/metrics.csv`` and ``csv/hparams.yaml``."""

    run: RunLogger
    """Logger that claims the run's folder; set when the trainer is made."""

    def __init__(self, prefix: str = "", flush_logs_every_n_steps: int = 100) -> None:
        """Choose the format.

        Args:
            prefix: Beginning of the names of all metrics.
            flush_logs_every_n_steps: Number of steps after which the file is written.
        """
        super().__init__("", "", "", prefix, flush_logs_every_n_steps)

    @property
    def root_dir(self) -> str:
        return str(self.run.log_dir)

    @property
    def log_dir(self) -> str:
        return str(Path(self.root_dir, CSV_FOLDER))


def set_default_places(configured: Any, root: str, name: str) -> None:
    """Let MLflow and W&B write below the folder of all runs, unless the config names another place.

    MLflow gets a database in a file, since it refuses its older format, a folder of text files.

    Args:
        configured: Value of ``trainer.logger``, parsed and not instantiated; changed in place.
        root: Folder of all runs.
        name: Name of the run, unless the config gives one.
    """
    for spec in configured if isinstance(configured, list) else [configured]:
        if isinstance(spec, Namespace):
            set_places = {MLFlowLogger: _set_mlflow_places, WandbLogger: _set_wandb_places}.get(_class_of(spec))
            if set_places is not None:
                set_places(spec.init_args, root, name)


def mlflow_arguments(configured: Any, root: str, name: str) -> dict[str, Any] | None:
    """Arguments of the MLFlowLogger that a config names, with the default places; ``None`` if it names none.

    Args:
        configured: Value of ``trainer.logger`` as plain data: a class path, or a mapping, or a list of these.
        root: Folder of all runs.
        name: Name of the run, unless the config gives one.

    Raises:
        UserError: MLflow is not installed.
    """
    for spec in configured if isinstance(configured, list) else [configured]:
        spec = {"class_path": spec} if isinstance(spec, str) else spec
        if isinstance(spec, dict) and _class_of(spec) is MLFlowLogger:
            if find_spec("mlflow") is None:
                raise UserError(f"trainer.logger: MLFlowLogger needs another package: {INSTALL}")
            arguments = dict(spec.get("init_args") or {})
            _set_mlflow_places(arguments, root, name)
            return arguments
    return None


def trackers(trainer: Trainer) -> list[Logger]:
    """The loggers that the config names; none of the run's own, which is the first."""
    return list(trainer.loggers[1:])


def open_trackers(trainer: Trainer) -> None:
    """Start the runs of all trackers: one that is not usable fails here, before anything is trained."""
    for logger in trackers(trainer):
        logger.experiment  # noqa: B018  (made by its first use)


def log_config(trainer: Trainer, config: Config) -> None:
    """Log a config as hyperparameters, and the run's folder."""
    for logger in trackers(trainer):
        logger.log_hyperparams(config | {"folder": str(run_folder(trainer))})


def log_results(trainer: Trainer, config: Config, metrics: dict[str, Any]) -> None:
    """Log the final metrics to all loggers; those of a training stand in TensorBoard's HParams tab.

    Args:
        trainer: After its last evaluation.
        config: Complete config of the run.
        metrics: Content of metrics.json.
    """
    run_logger, step = trainer.loggers[0], trainer.global_step
    test = {f"test/{name}": value for name, value in metrics.get("test", {}).items() if name in MORE_OF_TEST}
    for logger in trainer.loggers:
        logger.log_metrics(test, step)
    if "epochs" not in metrics:
        return
    final = {"Final/train_seconds": metrics["train_seconds"]}
    final |= {f"Final/{stage}_{name}": metrics[stage][name] for stage, name in FINAL if stage in metrics}
    for logger in trackers(trainer):
        logger.log_metrics(final, step)
    if config["trainer"]["logger"] is not False:
        log_hyperparameters(run_logger, hyperparameters(config), final, step)


def log_figures(loggers: Sequence[Logger], stage: str, figures: "Iterable[DrawnFigure]", step: int) -> None:
    """Log drawn figures as ``stage/name``; missing figures are left out.

    Args:
        loggers: Those that take no images are passed over.
        stage: ``train``, ``val`` or ``test``.
        figures: Drawn figures.
        step: Number of training steps so far.
    """
    for figure in figures:
        if figure.png:
            image = Image.open(io.BytesIO(figure.png)).convert("RGB")
            for logger in loggers:
                _log_image(logger, f"{stage}/{figure.name}", image, figure.caption, step)


def log_report(trainer: Trainer, figures: "Iterable[DrawnFigure]", folder: Path) -> None:
    """Log the report of a test to the trackers: its figures, and in MLflow also its files."""
    log_figures(trackers(trainer), "test", figures, trainer.global_step)
    for logger in trackers(trainer):
        if isinstance(logger, MLFlowLogger):
            logger.experiment.log_artifacts(logger.run_id, str(folder), folder.name)


def close_loggers(trainer: Trainer, is_success: bool) -> None:
    """Write what loggers still hold, and end the runs of trackers: the next training of this process starts its own."""
    for logger in trainer.loggers:
        logger.finalize("success" if is_success else "failed")
        if isinstance(logger, WandbLogger) and trainer.is_global_zero:
            import wandb

            if wandb.run is not None:
                wandb.finish(exit_code=0 if is_success else 1)


def _log_image(logger: Logger, tag: str, image: Image.Image, caption: str, step: int) -> None:
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(tag, np.asarray(image), step, dataformats="HWC")
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, image, f"figures/{tag}_{step:06}.png")
    elif isinstance(logger, WandbLogger):
        logger.log_image(tag, [image], step, caption=[caption])


def _class_of(spec: Any) -> type[Logger] | None:
    """Lightning's logger that a specification names, by its path or its short name."""
    name = str(spec["class_path"]).rpartition(".")[2]
    return {kind.__name__: kind for kind in (MLFlowLogger, WandbLogger)}.get(name)


def _set_mlflow_places(arguments: Any, root: str, name: str) -> None:
    os.environ.update({key: value for key, value in QUIET_MLFLOW.items() if key not in os.environ})
    logging.getLogger("lightning.pytorch.loggers.mlflow").setLevel(logging.ERROR)  # it warns of each new experiment
    if arguments.get("experiment_name") in (None, "lightning_logs"):
        arguments["experiment_name"] = PROJECT
    arguments["run_name"] = arguments.get("run_name") or name
    arguments["tracking_uri"] = arguments.get("tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI")
    if not arguments["tracking_uri"]:
        given = arguments.get("save_dir")
        folder = Path(expand(root if given in (None, "./mlruns") else given)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        arguments["tracking_uri"] = f"sqlite:///{folder / 'mlflow.db'}"
        arguments["artifact_location"] = arguments.get("artifact_location") or (folder / "mlflow_artifacts").as_uri()


def _set_wandb_places(arguments: Any, root: str, name: str) -> None:
    arguments["name"] = arguments["name"] or name
    arguments["project"] = arguments["project"] or os.environ.get("WANDB_PROJECT", PROJECT)
    if str(arguments["save_dir"]) == ".":
        folder = Path(expand(root))
        folder.mkdir(parents=True, exist_ok=True)
        arguments["save_dir"] = str(folder)
