"""What pictures cost: training with those of TensorBoard on against off, and the report after the test.

    python benchmarks/live_pictures.py

``train.py fit --config cnn.yaml`` on a part of the real images, in one process: pairs of runs in turn, the second of
each pair first in every other pair, after one that warms up; the seconds of ``train_seconds``, and the time that the
report took, all 10,000 test images in it.
"""

import statistics
import tempfile
import time
from typing import Any
from unittest import mock

from fmnist_pl.training import train
from fmnist_pl.training.run_report import write_run_report

PAIRS = 3
REPORTS: list[float] = []


def main() -> None:
    timed = mock.patch("fmnist_pl.training.cli.write_run_report", _timed(write_run_report))
    with tempfile.TemporaryDirectory() as folder, timed:
        _seconds(folder, live=True, limit=1000)
        REPORTS.clear()
        pairs = []
        for number in range(PAIRS):
            order = (True, False) if number % 2 == 0 else (False, True)
            seconds = {live: _seconds(folder, live) for live in order}
            pairs.append((seconds[True], seconds[False]))
            print(f"on {seconds[True]:.2f} s, off {seconds[False]:.2f} s", flush=True)
    on, off = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"pictures on {on:.2f} s, off {off:.2f} s, ratio {ratio:.3f} (median of {len(pairs)} pairs)")
    print(f"report {statistics.median(REPORTS):.2f} s, at most {max(REPORTS):.2f} s (n = {len(REPORTS)})")


def _seconds(folder: str, live: bool, limit: int = 20_000) -> float:
    """Of a training of two epochs; with its report if the pictures are on."""
    switches = ["--live_pictures", str(live).lower(), "--report", str(live).lower()]
    size = ["--data.train_limit", str(limit), "--trainer.max_epochs", "2", "--trainer.enable_model_summary", "false"]
    metrics = train(["fit", "--config", "cnn.yaml", "--trainer.default_root_dir", folder, *size, *switches])
    return float(metrics["train_seconds"])


def _timed(function: Any) -> Any:
    def call(*arguments: Any) -> None:
        start = time.perf_counter()
        function(*arguments)
        REPORTS.append(time.perf_counter() - start)

    return call


if __name__ == "__main__":
    main()
