"""What a person sees while a run trains."""

import time

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar, TQDMProgressBar

from fmnist_pl.training.callbacks.stopwatch import Stopwatch


def progress_bar() -> ProgressBar:
    """The bar for a terminal."""
    return TQDMProgressBar(refresh_rate=10)


class EpochLines(Callback):
    """One line for each epoch, above the bar or in the file."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._start = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # an epoch's training figures are there only when it is over, hence one hook later
        self._print_line(trainer)
        self._start = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._print_line(trainer)

    def _print_line(self, trainer: Trainer) -> None:
        metrics = trainer.callback_metrics
        if "train/loss" not in metrics or not trainer.is_global_zero:
            return
        parts = [f"epoch {trainer.fit_loop.epoch_progress.current.processed:>3}/{trainer.max_epochs}"]
        for stage in ("train", "val"):
            if f"{stage}/loss" in metrics:
                parts.append(f"{stage} loss {metrics[f'{stage}/loss']:.4f} acc {metrics[f'{stage}/acc']:.4f}")
        parts.append(f"{time.perf_counter() - self._start:.1f} s")
        parts.append(f"{self._stopwatch.epoch_images_per_second:,.0f} images/s")
        line = "   ".join(parts)
        bar = trainer.progress_bar_callback
        if isinstance(bar, ProgressBar):
            bar.print(line)
        else:
            print(line, flush=True)
