"""What a change to a recipe brings, on validation images alone: the recipe against itself with other keys.

    python benchmarks/variants.py fast --seeds 4 model.stem=learned "data.batch_size=125 optimizer.lr=0.007"

The recipe as it is comes first; then each group of keys, quoted together, beside it. Seed S also draws the split, so
that all share their 6,000 validation images seed by seed, and a difference is one of pairs. The test images are never
seen.
"""

import argparse
import shlex
import statistics
import sys
import tempfile

from parts.arguments import count
from parts.objects import Objects
from parts.recipe import changed_recipe
from parts.result import machine, mean_and_sd, write_json

from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from fmnist_pl.training.steps_per_execution import training_flops

FLAGS = ["--data.val_fraction", "0.1", "--test_after_fit", "false"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="Name of a config.")
    parser.add_argument("variants", nargs="*", help="Flags of train.py fit without their hyphens: key=value.")
    parser.add_argument("--seeds", type=count, default=4, help="How many, from 0.")
    parser.add_argument("--json", default="runs/benchmarks/variants.json", help="Where the figures go.")
    options = parser.parse_intermixed_args()
    print(machine()["text"])
    changes = ["", *options.variants]
    recipes = {change: changed_recipe(options.config, shlex.split(change)) for change in changes}
    runs: dict[str, list[dict[str, float]]] = {change: [] for change in changes}
    for seed in range(options.seeds):
        for change, recipe in recipes.items():
            runs[change].append(_run(recipe, seed))
    print("| changed | epochs | MFLOP an image | validation accuracy | by pairs | loss | seconds |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(_row(change or "nothing", runs[change], runs[""]) for change in changes))
    write_json(options.json, {"config": options.config, "seeds": options.seeds, "variants": runs})
    print(f"figures: {options.json}")


def _run(arguments: list[str], seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its events may still be written
        seeds = ["--seed_everything", str(seed), "--data.split_seed", str(seed)]
        metrics = train([*arguments, *FLAGS, *seeds, "--trainer.default_root_dir", folder])
    return {
        "acc": metrics["val"]["acc"],
        "loss": metrics["val"]["loss"],
        "seconds": metrics["train_seconds"],
        "epochs": metrics["epochs"],
        "megaflop": training_flops(Objects(arguments).model) / 1e6,
    }


def _row(name: str, runs: list[dict[str, float]], recipe: list[dict[str, float]]) -> str:
    mean = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
    pairs = mean_and_sd([run["acc"] - other["acc"] for run, other in zip(runs, recipe, strict=True)], sign="+")
    accuracy = mean_and_sd([run["acc"] for run in runs])
    cells = [f"`{name}`", f"{mean['epochs']:.0f}", f"{mean['megaflop']:.1f}", accuracy, pairs]
    cells += [f"{mean['loss']:.4f}", f"{mean['seconds']:.1f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
