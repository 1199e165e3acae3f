"""Accuracy of configs over several seeds, selected on validation images and tested once: the README's table.

    python benchmarks/seeds.py cnn dense --seeds 3

Data: the real images. Runs ``train.py fit --config NAME.yaml --seed_everything S`` for S = 0, 1, ... without other
changes. Prints mean and standard deviation (n - 1) of the accuracies, and the seconds of the fastest training (other
work on the machine can only slow a training). A finished run in the folder that is newer than its config is reused, so
the benchmark can be stopped and started again.

Takes the time of all trainings: on two cores with bf16 about 45 minutes for 3 seeds of dense, dense_deep, cnn,
cnn_tuner and cnn_regularized.
"""

import json
from pathlib import Path
from typing import Any

from helpers.arguments import Parser, positive_int, run
from helpers.results import mean_and_sd

from fmnist_pl.config import find_config
from fmnist_pl.errors import UserError
from fmnist_pl.training import train


def main() -> None:
    """Train every config with every seed and print the table."""
    parser = Parser(__doc__)
    parser.add_argument("configs", nargs="+", help="Names of configs (cnn, dense, ...).")
    parser.add_argument("--seeds", type=positive_int, default=3, help="Number of seeds, from seed 0.")
    parser.add_argument("--runs", default="runs/seeds", help="Folder of the runs.")
    options = parser.parse_args()
    rows = [
        _row(config, [_metrics(config, seed, options.runs) for seed in range(options.seeds)])
        for config in options.configs
    ]
    print("| config | parameters | epochs | val accuracy | test accuracy | seconds | n |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


def _metrics(config: str, seed: int, folder: str) -> dict[str, Any]:
    """Metrics of one training: of a finished run if there is one."""
    path = find_config(config)
    name = f"{path.stem}-seed{seed}"
    changed = path.stat().st_mtime
    finished = [p for p in Path(folder, name).glob("version_*/metrics.json") if p.stat().st_mtime > changed]
    if finished:
        metrics = json.loads(max(finished, key=lambda path: path.stat().st_mtime).read_text())
    else:
        output = ["--name", name, "--trainer.default_root_dir", folder, "--seed_everything", str(seed)]
        metrics = train(["fit", "--config", str(path), *output])
    if metrics["data_source"] != "real":
        raise UserError(f"{config}: data_source is {metrics['data_source']}; the table is for the real images only")
    return metrics


def _row(config: str, runs: list[dict[str, Any]]) -> str:
    cells = [config, f"{runs[0]['params']:,}", _range([run["epochs"] for run in runs])]
    cells += [mean_and_sd([run[stage]["acc"] for run in runs]) for stage in ("val", "test")]
    cells += [f"{min(run['train_seconds'] for run in runs):.0f}", str(len(runs))]
    return f"| {' | '.join(cells)} |"


def _range(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)}-{max(values)}"


if __name__ == "__main__":
    run(main)
