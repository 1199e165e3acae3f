"""The README's table: each config over several seeds, chosen on validation, tested once.

    python benchmarks/seeds.py cnn dense --seeds 3

Runs ``train.py fit --config NAME.yaml --seed_everything S`` for S from 0, one after another, with nothing changed, and
prints mean and standard deviation (n - 1) of the accuracies, and the seconds of the fastest training (other work on the
machine only slows one). Runs that are already below the folder, and no older than their config, are not made again:
the command can be stopped and started.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from parts.arguments import count
from parts.result import mean_and_sd

from fmnist_pl.config import find_config
from fmnist_pl.errors import UserError
from fmnist_pl.training import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", help="Names of configs (cnn, dense, ...).")
    parser.add_argument("--seeds", type=count, default=3, help="How many seeds, from 0.")
    parser.add_argument("--runs", default="runs/seeds", help="Where the runs go.")
    options = parser.parse_args()
    rows = [
        _row(config, [_run(config, seed, options.runs) for seed in range(options.seeds)]) for config in options.configs
    ]
    print("| config | parameters | epochs | val accuracy | test accuracy | seconds | n |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


def _run(config: str, seed: int, folder: str) -> dict[str, Any]:
    name = f"{config}-seed{seed}"
    changed = find_config(config).stat().st_mtime
    finished = [p for p in Path(folder, name).glob("version_*/metrics.json") if p.stat().st_mtime > changed]
    if finished:
        metrics = json.loads(max(finished, key=lambda path: path.stat().st_mtime).read_text())
    else:
        where = ["--name", name, "--trainer.default_root_dir", folder, "--seed_everything", str(seed)]
        metrics = train(["fit", "--config", f"{config}.yaml", *where])
    if metrics["data_source"] != "real":
        sys.exit("error: these are not the real images: the table is for them alone")
    return metrics


def _row(config: str, runs: list[dict[str, Any]]) -> str:
    cells = [config, f"{runs[0]['params']:,}", _range([run["epochs"] for run in runs])]
    cells += [mean_and_sd([run[stage]["acc"] for run in runs]) for stage in ("val", "test")]
    cells += [f"{min(run['train_seconds'] for run in runs):.0f}", str(len(runs))]
    return f"| {' | '.join(cells)} |"


def _range(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)}-{max(values)}"


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
