"""What a run and its checkpoints say of themselves."""

from typing import Any

import yaml
from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback


class RunKeeper(SaveConfigCallback):
    """Writes the resolved config to the run's folder; and config and figures into every checkpoint."""

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["config"] = self.plain_config()
        checkpoint["metrics"] = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def plain_config(self) -> dict[str, Any]:
        config = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        config.pop("ckpt_path", None)
        return config
