"""Overhead of one trial of a search: seconds to the first training step, and of everything but the steps.

    python benchmarks/once/trial_start.py

Data: 1,000 real images in memory. Trains dense.yaml for one epoch repeatedly in one process, as a trial does.

Takes about 20 seconds.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.training import train
from fmnist_pl.training.options import resolve_config

TRIAL = [
    *("--data.train_limit", "1000", "--trainer.max_epochs", "1", "--test_after_fit", "false", "--report", "false"),
    *("--live_pictures", "false", "--trainer.logger", "false", "--trainer.enable_progress_bar", "false"),
    *("--trainer.enable_model_summary", "false", "--threads", str(os.cpu_count() or 1)),
]


class StepTimes(Callback):
    """Start of the first training step and end of the last, in seconds of `time.perf_counter`."""

    first = last = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.first = self.first or time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        self.last = time.perf_counter()


def main() -> None:
    """Time the trainings and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="Number of counted trainings, after two for warm-up.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = resolve_config(["fit", "--config", "dense.yaml", *TRIAL, "--trainer.default_root_dir", folder])
        path = Path(folder, "config.yaml")
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        rounds = [_round(path) for _ in range(options.rounds + 2)][2:]
    starts, overheads = zip(*rounds, strict=True)
    for name, seconds in (("to the first step", starts), ("all but the steps", overheads)):
        middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
        print(f"{name}: median {middle:.3f} s, {low:.3f} to {high:.3f} s (n = {len(seconds)})")


def _round(path: Path) -> tuple[float, float]:
    times, start = StepTimes(), time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train(["fit", "--config", str(path)], [times])
    return times.first - start, time.perf_counter() - start - (times.last - times.first)


if __name__ == "__main__":
    main()
