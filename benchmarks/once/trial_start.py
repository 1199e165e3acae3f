"""What a trial of a search costs before it trains, and after: the overhead of one more training in a process.

    python benchmarks/trial_start.py

Trains dense.yaml on 1,000 real images for one epoch, again and again, as a trial does, once the images are in memory.
Prints the seconds from the call of `train` to the first training step, and of the whole call without its steps.
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

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.training import train
from fmnist_pl.training.resolve_config import resolve_config
from fmnist_pl.tuning.configs import in_trial, write_config
from fmnist_pl.tuning.keys import set_keys


class Marks(Callback):
    """When the first step began and the last ended."""

    first = last = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.first = self.first or time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        self.last = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="Counted trainings, after two that warm up.")
    options = parser.parse_args()
    base = resolve_config(["fit", "--config", "dense.yaml"])
    small = set_keys(base, {"data.train_limit": 1000, "trainer.max_epochs": 1})
    with tempfile.TemporaryDirectory() as folder:
        path = write_config(in_trial(small, Path(folder), "run", os.cpu_count() or 1), Path(folder, "config.yaml"))
        rounds = [_round(path) for _ in range(options.rounds + 2)][2:]
    starts, wholes = zip(*rounds, strict=True)
    for name, seconds in (("to the first step", starts), ("all but the steps", wholes)):
        middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
        print(f"{name}: median {middle:.3f} s, {low:.3f} to {high:.3f} s (n = {len(seconds)})")


def _round(path: Path) -> tuple[float, float]:
    marks, start = Marks(), time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train(["fit", "--config", str(path)], [marks])
    return marks.first - start, time.perf_counter() - start - (marks.last - marks.first)


if __name__ == "__main__":
    main()
