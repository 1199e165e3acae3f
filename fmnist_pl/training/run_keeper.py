"""What a run and its checkpoints say of themselves."""

from pathlib import Path
from typing import Any

import yaml
from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback

from fmnist_pl.atomic_files import replacing


class RunKeeper(SaveConfigCallback):
    """Writes the resolved config to the run's folder; and config and figures into every checkpoint."""

    def __init__(self, *args: Any, plain: dict[str, Any], **kwargs: Any) -> None:
        """Args:
        args: Of SaveConfigCallback.
        plain: The resolved config as nested plain data.
        kwargs: Of SaveConfigCallback.
        """
        super().__init__(*args, **kwargs)
        self._plain = plain

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        with replacing(Path(trainer.loggers[0].log_dir, self.config_filename)) as file:
            yaml.safe_dump(self.plain_config(trainer), file, sort_keys=False)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.plain_config(trainer)
        checkpoint["metrics"] = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def plain_config(self, trainer: Trainer) -> dict[str, Any]:
        """The config as plain data, with what ``data.source: auto`` came to."""
        return self._plain | {"data": self._plain["data"] | {"source": trainer.datamodule.loaded_source}}
