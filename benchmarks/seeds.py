"""Accuracy of configs over several seeds, selected on validation images and tested once: the README's table.

    python benchmarks/seeds.py cnn dense --seeds 3

Data: the real images. Runs ``train.py fit --config NAME.yaml --seed_everything S`` for S = 0, 1, ... without other
changes. Prints the tables of ``python -m fmnist_pl.reporting compare``: mean and standard deviation (n - 1) of each
metric, and a paired test of each two configs. Runs in the folder that are newer than their config are used: a finished
one is not repeated, a stopped one is continued. So the benchmark can be stopped and started again.

Takes the time of all trainings: on two cores with bf16 about 45 minutes for 3 seeds of dense, dense_deep, cnn,
cnn_tuner and cnn_regularized.
"""

from pathlib import Path

from helpers.arguments import Parser, positive_int, run

from fmnist_pl.config import find_config
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.compare import comparison
from fmnist_pl.reporting.runs import Run, read_run
from fmnist_pl.training import train


def main() -> None:
    """Train every config with every seed and print the tables."""
    parser = Parser(__doc__)
    parser.add_argument("configs", nargs="+", help="Names of configs (cnn, dense, ...).")
    parser.add_argument("--seeds", type=positive_int, default=3, help="Number of seeds, from seed 0.")
    parser.add_argument("--runs", default="runs/seeds", help="Folder of the runs.")
    options = parser.parse_args()
    seeds = range(options.seeds)
    print(comparison([_finished_run(config, seed, options.runs) for config in options.configs for seed in seeds]))


def _finished_run(config: str, seed: int, folder: str) -> Run:
    """A training with this seed: a finished one if there is one."""
    path = find_config(config)
    name = f"{path.stem}-seed{seed}"
    runs = Path(folder, name)
    if not _is_newer(runs, "metrics.json", path):
        resume = ["--ckpt_path", "last"] if _is_newer(runs, "checkpoints/last.ckpt", path) else []
        train(
            ["fit", "--config", str(path), "--name", name, "--trainer.default_root_dir", folder]
            + ["--seed_everything", str(seed), *resume]
        )
    done = read_run(runs)
    if done.metrics["data_source"] != "real":
        raise UserError(
            f"{config}: data_source is {done.metrics['data_source']}; the table is for the real images only"
        )
    return done


def _is_newer(runs: Path, file: str, config: Path) -> bool:
    """Whether a run has this file, written after the config."""
    return any(found.stat().st_mtime > config.stat().st_mtime for found in runs.glob(f"version_*/{file}"))


if __name__ == "__main__":
    run(main)
