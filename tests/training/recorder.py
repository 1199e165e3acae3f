"""A callback for the tests of several processes: writes down what each of them saw."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor


class Recorder(Callback):
    """One file for each stage, epoch and rank in the folder ``$RECORD``, a line for each image: a digest of it."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._write("train", trainer, batch[0])

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._write("test", trainer, batch[0])

    def _write(self, stage: str, trainer: Trainer, images: Tensor) -> None:
        path = Path(os.environ["RECORD"], f"{stage}-{trainer.current_epoch}-{trainer.global_rank}")
        with path.open("a") as file:
            file.writelines(hashlib.md5(image.numpy().tobytes()).hexdigest() + "\n" for image in images)


class Pause(Callback):
    """Makes the file ``paused`` in the first step, and then waits for ten minutes."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        Path("paused").touch()
        time.sleep(600)
