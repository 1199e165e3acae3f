"""Effect of changed keys on a config, measured on validation images only: the config against itself.

    python benchmarks/variants.py fast --seeds 4 model.stem=learned "data.batch_size=125 optimizer.lr=0.007"

Data: 54,000 real training images and 6,000 for validation; the test images are never seen. The unchanged config is the
first row; each group of keys, quoted together, is a row below it. Seed S also draws the split, so that all rows share
their validation images seed by seed and are compared by pairs.

Takes the time of (1 + groups) x seeds trainings: about 10 minutes on two cores for the command above.
"""

import shlex
import statistics
import tempfile

from helpers.arguments import Parser, fit_arguments, positive_int, run
from helpers.results import machine, write_json

from fmnist_pl.reporting.statistics import mean_and_sd
from fmnist_pl.training import train
from fmnist_pl.training.options import Options
from fmnist_pl.training.steps_per_execution import training_flops

VALIDATION_ONLY = ["--data.val_fraction", "0.1", "--test_after_fit", "false"]


def main() -> None:
    """Train every variant with every seed and print the table."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="Name of a config.")
    parser.add_argument("variants", nargs="*", help="Flags of train.py fit without their hyphens: key=value.")
    parser.add_argument("--seeds", type=positive_int, default=4, help="Number of seeds, from seed 0.")
    parser.add_argument("--json", default="runs/benchmarks/variants.json", help="File of the results.")
    options = parser.parse_intermixed_args()
    print(machine()["text"])
    variants = {changes: fit_arguments(options.config, shlex.split(changes)) for changes in ["", *options.variants]}
    runs: dict[str, list[dict[str, float]]] = {changes: [] for changes in variants}
    for seed in range(options.seeds):
        for changes, arguments in variants.items():
            runs[changes].append(_fit(arguments, seed))
    print("| changed | epochs | MFLOP an image | validation accuracy | by pairs | loss | seconds |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(_row(changes or "nothing", runs[changes], runs[""]) for changes in variants))
    write_json(options.json, {"config": options.config, "seeds": options.seeds, "variants": runs})


def _fit(arguments: list[str], seed: int) -> dict[str, float]:
    # TensorBoard may still write its events when the folder is removed
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        seeds = ["--seed_everything", str(seed), "--data.split_seed", str(seed)]
        metrics = train(["fit", *arguments, *VALIDATION_ONLY, *seeds, "--trainer.default_root_dir", folder])
    return {
        "acc": metrics["val"]["acc"],
        "loss": metrics["val"]["loss"],
        "seconds": metrics["train_seconds"],
        "epochs": metrics["epochs"],
        "megaflop": training_flops(Options("fit", arguments).model) / 1e6,
    }


def _row(name: str, runs: list[dict[str, float]], unchanged: list[dict[str, float]]) -> str:
    mean = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
    pairs = mean_and_sd([run["acc"] - other["acc"] for run, other in zip(runs, unchanged, strict=True)], "+.4f")
    accuracy = mean_and_sd([run["acc"] for run in runs])
    cells = [f"`{name}`", f"{mean['epochs']:.0f}", f"{mean['megaflop']:.1f}", accuracy, pairs]
    cells += [f"{mean['loss']:.4f}", f"{mean['seconds']:.1f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    run(main)
