"""What pictures cost: a training with those of TensorBoard on against off, and the report after the test.

    python benchmarks/live_pictures.py --pairs 3 --reports 3

``train.py fit --config cnn.yaml`` on 20,000 of the real images for three epochs, validated on 6,000, without a test:
the whole call, in one process, on and off in turn and on first in every other pair, after a short one that warms up.
Then the report: a test of a checkpoint on the 10,000 test images.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

from fmnist_pl.training import train
from fmnist_pl.training.run_report import write_run_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, help="Trainings with and without pictures.")
    parser.add_argument("--reports", type=int, default=3, help="Reports.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _fit(folder, live=True, limit=1000)
        pairs = []
        for number in range(options.pairs):
            order = (True, False) if number % 2 == 0 else (False, True)
            seconds = {live: _fit(folder, live) for live in order}
            pairs.append((seconds[True], seconds[False]))
        reports = [_report(folder) for _ in range(options.reports)]
    if pairs:
        on, off = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        told = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"pictures on {on:.2f} s, off {off:.2f} s, ratio {statistics.median(ratios):.3f} (median of {told})")
    if reports:
        print(f"report {statistics.median(reports):.2f} s (median of {len(reports)}, at most {max(reports):.2f} s)")


def _fit(folder: str, live: bool, limit: int = 20_000) -> float:
    start = time.perf_counter()
    train(
        ["fit", "--config", "cnn.yaml", "--trainer.default_root_dir", folder, "--data.train_limit", str(limit)]
        + ["--trainer.max_epochs", "3", "--trainer.enable_model_summary", "false", "--test_after_fit", "false"]
        + ["--live_pictures", str(live).lower()]
    )
    return time.perf_counter() - start


def _report(folder: str) -> float:
    seconds: list[float] = []

    def timed(*arguments: Any) -> None:
        start = time.perf_counter()
        write_run_report(*arguments)
        seconds.append(time.perf_counter() - start)

    checkpoint = Path(folder, "cnn/version_0/checkpoints/last.ckpt")
    with mock.patch("fmnist_pl.training.cli.write_run_report", timed):
        train(["test", "--ckpt_path", str(checkpoint), "--trainer.default_root_dir", folder])
    return seconds[0]


if __name__ == "__main__":
    main()
