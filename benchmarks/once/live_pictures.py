"""Cost of figures: a training with and without those of TensorBoard, and the report after a test.

    python benchmarks/once/live_pictures.py --pairs 3 --reports 3

Data: 20,000 real training images for three epochs of cnn.yaml, 6,000 for validation, no test. The whole call is timed,
in one process after a short warm-up, with and without in turn; with comes first in every other pair. Then a test of a
checkpoint on the 10,000 test images is timed with and without its report; the report takes the difference.

Takes about 8 minutes on two cores.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from fmnist_pl.training import train

FIT = ["fit", "--config", "cnn.yaml", "--trainer.max_epochs", "3", "--test_after_fit", "false"]


def main() -> None:
    """Time both and print the ratio and the seconds of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, help="Number of trainings with and without figures.")
    parser.add_argument("--reports", type=int, default=3, help="Number of tests with and without a report.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _fit(folder, True, limit=1000)
        pairs = []
        for number in range(options.pairs):
            order = (True, False) if number % 2 == 0 else (False, True)
            seconds = {live: _fit(folder, live) for live in order}
            pairs.append((seconds[True], seconds[False]))
        reports = [_test(folder, "true") - _test(folder, "false") for _ in range(options.reports)]
    if pairs:
        on, off = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        listed = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"with {on:.2f} s, without {off:.2f} s, ratio {statistics.median(ratios):.3f} (median of {listed})")
    if reports:
        print(f"report {statistics.median(reports):.2f} s (median of {len(reports)}, at most {max(reports):.2f} s)")


def _fit(folder: str, live: bool, limit: int = 20_000) -> float:
    figures = ["--live_pictures", str(live).lower(), "--data.train_limit", str(limit)]
    return _seconds([*FIT, *figures, "--trainer.default_root_dir", folder, "--trainer.enable_model_summary", "false"])


def _test(folder: str, report: str) -> float:
    checkpoint = Path(folder, "cnn/version_0/checkpoints/last.ckpt")
    return _seconds(["test", "--ckpt_path", str(checkpoint), "--report", report, "--trainer.default_root_dir", folder])


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    train(command)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
