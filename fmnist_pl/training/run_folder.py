"""The folder of a run, ``runs/<name>/version_N``: how it is claimed, and the files that describe the run in it."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.loggers.logger import DummyExperiment
from lightning.pytorch.utilities import rank_zero_only

from fmnist_pl import __version__
from fmnist_pl.atomic_files import replacing
from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.runs import CONFIG, HISTORY, METRICS
from fmnist_pl.training.callbacks.stopwatch import Stopwatch
from fmnist_pl.training.hardware import device_name
from fmnist_pl.training.number_format import NumberFormat


class RunLogger(TensorBoardLogger):
    """Claims the folder of a run when it is first used, and logs to TensorBoard in it.

    The folder is claimed by making it: two runs that start at the same time never share one.
    """

    def __init__(self, root: str, name: str, events: bool = True) -> None:
        """Choose the folder.

        Args:
            root: Folder of all runs.
            name: Folder of the runs of one config, below ``root``.
            events: Whether to write TensorBoard events.
        """
        super().__init__(expand(root), name=name, log_graph=events, default_hp_metric=False)
        self._events, self._has_graph = events, False
        self._version: int | None = None

    @property
    def version(self) -> int | str:
        if self._version is None:
            self._version = _claim(Path(self.root_dir)) if rank_zero_only.rank == 0 else 0
        return self._version

    @property
    def experiment(self) -> Any:
        return super().experiment if self._events else DummyExperiment()

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        """Log the graph once: Lightning logs it again at the test."""
        if not self._has_graph:
            self._has_graph = True
            super().log_graph(*args, **kwargs)

    def save(self) -> None:
        """Flush the events; the parameters are in config.yaml."""
        self.experiment.flush()


class RunRecorder(Callback):
    """Writes the resolved config into the run's folder."""

    def __init__(self, config: Config) -> None:
        """Keep the config.

        Args:
            config: Resolved, as nested plain data.
        """
        self._config = config
        self._is_saved = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._is_saved or trainer.fast_dev_run:
            return
        self._is_saved = True
        if trainer.is_global_zero:
            with replacing(run_folder(trainer) / CONFIG) as file:
                yaml.safe_dump(self.config(trainer), file, sort_keys=False)

    def config(self, trainer: Trainer) -> Config:
        """The config, with the source that ``data.source: auto`` selected."""
        if trainer.datamodule is None:
            return self._config
        return self._config | {"data": self._config["data"] | {"source": trainer.datamodule.loaded.source}}


def run_folder(trainer: Trainer) -> Path:
    """The folder of a trainer's run, claimed if it is not yet; only for the first process."""
    return Path(trainer.loggers[0].log_dir)


def expand(folder: str | os.PathLike[str]) -> str:
    """A folder with ``~`` and environment variables written out."""
    return os.path.expandvars(Path(folder).expanduser())


def describe_hardware(trainer: Trainer, model: LightningModule, number_format: NumberFormat) -> dict[str, Any]:
    """The size of a model, the hardware and the versions of a run, for metrics.json."""
    device = trainer.strategy.root_device
    return {
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "device": device.type,
        "device_name": device_name(device),
        "devices": trainer.world_size,
        "threads": torch.get_num_threads(),
        "precision": number_format.short,
        "precision_reason": number_format.reason,
        "versions": {
            "fmnist_pl": __version__,
            "lightning": lightning.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def describe_training(trainer: Trainer, stopwatch: Stopwatch) -> dict[str, Any]:
    """How long the training took, for metrics.json."""
    return {
        "epochs": trainer.current_epoch,
        "train_seconds": round(stopwatch.seconds, 3),
        "compile_seconds": round(stopwatch.compile_seconds, 3),
        "images_per_second": round(stopwatch.images_per_second, 1),
        "steps_per_execution": trainer.datamodule.steps_per_execution,
    }


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Write ``metrics.json`` into the folder of a run."""
    _write_json(folder / METRICS, metrics, indent=2)


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write ``history.json``, the metrics of each epoch, into the folder of a run."""
    _write_json(folder / HISTORY, history, indent=1)


def _write_json(path: Path, content: Any, indent: int) -> None:
    with replacing(path) as file:
        json.dump(content, file, indent=indent)
        file.write("\n")


def _claim(folder: Path) -> int:
    """Make the next folder ``version_N`` and return N."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = [path.name.removeprefix("version_") for path in folder.glob("version_*")]
        number = max((int(text) + 1 for text in taken if text.isdecimal()), default=0)
        while True:
            try:
                (folder / f"version_{number}").mkdir()
                return number
            except FileExistsError:
                number += 1
    except OSError as error:
        raise UserError(
            f"cannot make a run's folder in {folder}: {error.strerror}; "
            "choose another place with --trainer.default_root_dir"
        ) from error
