"""Trials a minute of a search on a small network, with one worker and with two.

    python benchmarks/search_workers.py

A trial is one epoch of dense.yaml on all real images: bound by overhead as no other. Each search is a whole
``python tune.py`` with ``--trials`` trials and no refit; its start is measured by a search of one trial a worker, and
taken off. Medians over rounds, in which the numbers of workers take turns. On GPUs, ``--workers 1 2 4
--workers-per-device 4`` shares one device.
"""

import argparse
import statistics
import sys
import tempfile

from parts.arguments import count
from parts.result import machine, write_json
from parts.side import ROOT
from parts.timed import command_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trials", type=count, default=13, help="Of each search; the first of each worker is its start."
    )
    parser.add_argument("--workers", type=count, nargs="+", default=[1, 2], help="Numbers of processes to try.")
    parser.add_argument("--rounds", type=count, default=3, help="Of all numbers of processes.")
    parser.add_argument("--workers-per-device", type=int, default=1, help="Of tune.py.")
    parser.add_argument("--json", default="runs/benchmarks/search_workers.json", help="Where the figures go.")
    options = parser.parse_args()
    if options.trials <= max(options.workers):
        parser.error(f"--trials is {options.trials}: the first of each worker is its start, give more than those")
    print(machine()["text"])
    rounds = []
    for number in range(options.rounds):
        rounds.append({workers: _trials_a_minute(workers, options) for workers in options.workers})
        print(
            f"round {number + 1}: {'   '.join(f'{n} workers {rate:.1f}' for n, rate in rounds[-1].items())}", flush=True
        )
    print("| workers | trials a minute | of the first |")
    print("|---|---|---|")
    for workers in options.workers:
        rate = statistics.median(row[workers] for row in rounds)
        ratio = statistics.median(row[workers] / row[options.workers[0]] for row in rounds)
        print(f"| {workers} | {rate:.1f} | {ratio:.2f} |")
    write_json(options.json, {"trials": options.trials, "trials_per_minute": rounds})
    print(f"figures: {options.json}")


def _trials_a_minute(workers: int, options: argparse.Namespace) -> float:
    start = _search(workers, workers, options.workers_per_device)
    whole = _search(options.trials, workers, options.workers_per_device)
    return 60 * (options.trials - workers) / (whole - start)


def _search(trials: int, workers: int, workers_per_device: int) -> float:
    """Seconds of a search."""
    command = [sys.executable, str(ROOT / "tune.py"), "--config", "dense.yaml", "--n-trials", str(trials)]
    command += ["--epochs", "1", "--pruner", "none", "--refit", "false", "--sampler", "random"]
    command += ["--workers", str(workers), "--workers-per-device", str(workers_per_device)]
    with tempfile.TemporaryDirectory() as folder:
        return command_seconds([*command, "--folder", folder])


if __name__ == "__main__":
    main()
