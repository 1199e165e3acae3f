"""Trials per minute of a search on a small network, with one worker and with two.

    python benchmarks/once/search_workers.py

Data: all real images. A trial is one epoch of dense.yaml, which is limited by overhead. Each search is a whole
``python tune.py`` with ``--trials`` trials and no refit; its start-up time is measured by a search of one trial per
worker and subtracted. Medians over rounds, in which the numbers of workers take turns. On GPUs, ``--workers 1 2 4
--workers-per-device 4`` shares one device.

Takes about 6 minutes on two cores.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from fmnist_pl.training.hardware import device_name

TUNE = Path(__file__).parents[2] / "tune.py"
SEARCH = ["--config", "dense.yaml", "--epochs", "1", "--pruner", "none", "--refit", "false", "--sampler", "random"]


def main() -> None:
    """Run the searches and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=13, help="Trials of each search, more than workers.")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="Numbers of worker processes to try.")
    parser.add_argument("--rounds", type=int, default=3, help="Number of rounds of all numbers of workers.")
    parser.add_argument("--workers-per-device", type=int, default=1, help="Passed to tune.py.")
    options = parser.parse_args()
    if options.trials <= max(options.workers):
        parser.error(f"--trials is {options.trials}: give more than --workers, whose first trials are not counted")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{device_name(device)}, {os.cpu_count()} cores, torch {torch.__version__}")
    rounds = []
    for number in range(options.rounds):
        rounds.append({workers: _trials_per_minute(workers, options) for workers in options.workers})
        rates = "   ".join(f"{workers} workers {rate:.1f}" for workers, rate in rounds[-1].items())
        print(f"round {number + 1}: {rates}", flush=True)
    print("| workers | trials a minute | of the first |")
    print("|---|---|---|")
    for workers in options.workers:
        rate = statistics.median(row[workers] for row in rounds)
        ratio = statistics.median(row[workers] / row[options.workers[0]] for row in rounds)
        print(f"| {workers} | {rate:.1f} | {ratio:.2f} |")


def _trials_per_minute(workers: int, options: argparse.Namespace) -> float:
    start_up = _search_seconds(workers, workers, options.workers_per_device)
    total = _search_seconds(options.trials, workers, options.workers_per_device)
    return 60 * (options.trials - workers) / (total - start_up)


def _search_seconds(trials: int, workers: int, workers_per_device: int) -> float:
    processes = ["--workers", str(workers), "--workers-per-device", str(workers_per_device)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(TUNE), *SEARCH, "--n-trials", str(trials), *processes, "--folder", folder]
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
