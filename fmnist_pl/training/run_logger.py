"""The run's own folder, ``runs/<name>/version_N``, and the TensorBoard events in it."""

import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.loggers.logger import DummyExperiment
from lightning.pytorch.utilities import rank_zero_only

from fmnist_pl.errors import UserError


class RunLogger(TensorBoardLogger):
    """Claims the folder of a run when it is first asked for, and logs to TensorBoard in it.

    The claim is the making of the folder: two runs that start at once never share one.
    """

    def __init__(self, root: str, name: str, events: bool = True) -> None:
        """Args:
        root: Folder of all runs.
        name: Folder of the runs of one config, below ``root``.
        events: Whether to write TensorBoard events.
        """
        root = os.path.expandvars(Path(root).expanduser())
        super().__init__(root, name=name, log_graph=events, default_hp_metric=False)
        self._events = events
        self._version: int | None = None

    @property
    def version(self) -> int | str:
        if self._version is None:
            self._version = self._claim() if rank_zero_only.rank == 0 else 0
        return self._version

    @property
    def experiment(self) -> Any:
        return super().experiment if self._events else DummyExperiment()

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        if self._events:
            super().log_hyperparams(*args, **kwargs)

    def save(self) -> None:
        """Flush the events; the parameters are in config.yaml."""
        self.experiment.flush()

    def _claim(self) -> int:
        folder = Path(self.root_dir)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            taken = [path.name.removeprefix("version_") for path in folder.glob("version_*")]
            number = max((int(text) + 1 for text in taken if text.isdigit()), default=0)
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
