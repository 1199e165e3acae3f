"""What a training prints: a line per epoch, and a bar in a terminal."""

import time

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar, TQDMProgressBar

from fmnist_pl.training.callbacks.stopwatch import Stopwatch


def progress_bar() -> ProgressBar:
    """The progress bar for a terminal."""
    return TQDMProgressBar(refresh_rate=10)


class EpochLines(Callback):
    """Prints one line per epoch, above the bar or into a file."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._start = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # the training metrics of an epoch are complete only after it, hence one hook later
        self._print_line(trainer, pl_module)
        self._start = time.perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._print_line(trainer, pl_module)

    def _print_line(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = trainer.callback_metrics
        if not pl_module.history or "train/loss" not in metrics or not trainer.is_global_zero:
            return
        parts = [f"epoch {int(pl_module.history[-1]['epoch']) + 1:>3}/{trainer.max_epochs}"]
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
