"""Training time and images per second."""

import time
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

SAVED = ("seconds", "step_seconds", "compile_seconds", "images")
"""A resumed run continues these from the checkpoint."""


class Stopwatch(Callback):
    """Times the training, summed over all parts of a run that was stopped and resumed.

    ``seconds`` is the whole of ``fit`` (training, validation, checkpoints). ``images_per_second`` counts the training
    steps alone. ``compile_seconds`` is set by the Compile callback and counted in neither.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.step_seconds = 0.0
        self.compile_seconds = 0.0
        self.images = 0
        self.epoch_images_per_second = 0.0
        self._fit_start = self._epoch_start = 0.0
        self._validation = 0.0
        self._batches = self._batch_size = 0

    @property
    def images_per_second(self) -> float:
        return self.images / self.step_seconds if self.step_seconds else 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batch_size = trainer.datamodule.batch_size
        # a run resumed in the middle of an epoch does not start that epoch again
        self._fit_start = self._epoch_start = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_start, self._validation, self._batches = time.perf_counter(), 0.0, 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._batches += outputs["loss"].numel()  # a call of several steps returns several losses

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation_start = time.perf_counter()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validation += time.perf_counter() - self._validation_start

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        now = time.perf_counter()
        seconds = now - self._epoch_start - self._validation
        images = min(len(trainer.datamodule.train_data), self._batches * self._batch_size)
        self.epoch_images_per_second = images / seconds
        self.step_seconds += seconds
        self.images += images
        self._batches = 0
        pl_module.log("train/images_per_second", self.epoch_images_per_second, sync_dist=True)  # the mean over ranks
        self.seconds += now - self._fit_start
        self._fit_start = now

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seconds += time.perf_counter() - self._fit_start  # the last epoch's checkpoints

    def state_dict(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in SAVED}
        if self._batches:  # in the middle of an epoch
            now = time.perf_counter()
            state["seconds"] += now - self._fit_start
            state["step_seconds"] += now - self._epoch_start - self._validation
            state["images"] += self._batches * self._batch_size
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)
