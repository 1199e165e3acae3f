"""How long a recipe takes to the accuracy that it claims, over several seeds.

    python benchmarks/time_to_accuracy.py fast --seeds 5 --target 0.9254 --keras-python KERAS_ENVIRONMENT/bin/python

Each seed is a whole ``train.py fit --config NAME.yaml --seed_everything S`` in a process of its own, with other keys if
any are named (``model.activation=gelu``): nothing is chosen after looking, the test images are seen once at its end.
``training`` is what metrics.json calls train_seconds; ``command`` is all of it: imports, loading, training, test. With
``--keras-python``, after each seed (or the first ``--keras-epochs`` of them) an epoch of the original CNN in Keras
(batch 128, its Adam) is trained, in turn on the same machine; ten times its median stands for the original's 10 epochs.
A last line sets the training's throughput beside the machine's limit, measured after each seed.
"""

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from parts.arguments import count, program
from parts.objects import Objects
from parts.recipe import changed_recipe
from parts.result import machine, mean_and_sd, write_json
from parts.side import ROOT, Side, exported_arrays
from parts.timed import command_seconds
from roofline import Peaks, Roofline, measure_peaks

from fmnist_pl.errors import UserError

KERAS_EPOCHS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default="fast", help="Name of a config.")
    parser.add_argument("changes", nargs="*", help="Flags of train.py fit without their hyphens, key=value.")
    parser.add_argument("--seeds", type=count, default=5, help="How many, from 0.")
    parser.add_argument("--target", type=float, help="Test accuracy that the mean must reach.")
    parser.add_argument("--keras-python", type=program, help="Python of an environment with tensorflow-cpu.")
    parser.add_argument("--keras-epochs", type=count, default=5, help="Of Keras, one after each of the first seeds.")
    parser.add_argument("--json", default="runs/benchmarks/time_to_accuracy.json", help="Where the figures go.")
    options = parser.parse_intermixed_args()
    recipe = changed_recipe(options.config, options.changes)
    print(machine()["text"])
    keras = _keras(options.keras_python) if options.keras_python else None
    runs, keras_epochs, peaks = [], [], []
    for seed in range(options.seeds):
        runs.append(_fit(recipe, seed))
        peaks.append(measure_peaks())
        print(f"seed {seed}: {_line(runs[-1])}", flush=True)
        if keras is not None and seed < options.keras_epochs:
            keras_epochs.append(keras.go())
            print(f"Keras, epoch {seed + 1} of the original CNN: {keras_epochs[-1]:.1f} s", flush=True)
    if keras is not None:
        keras.end()
    _print_summary(" ".join([options.config, *options.changes]), runs, keras_epochs, options.target)
    roofline = _roofline(recipe, peaks)
    print(roofline.line(statistics.median(run["images_per_second"] for run in runs)))
    figures = {"runs": runs, "keras_epoch_seconds": keras_epochs, "roofline": asdict(roofline)}
    write_json(options.json, {"config": options.config, "changes": options.changes, **figures})
    print(f"figures: {options.json}")


def _fit(recipe: list[str], seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "train.py"), *recipe]
        where = ["--trainer.default_root_dir", folder, "--report", "false", "--trainer.enable_model_summary", "false"]
        seconds = command_seconds([*command, "--seed_everything", str(seed), *where])
        (path,) = Path(folder).glob("*/version_0/metrics.json")
        metrics: dict[str, Any] = json.loads(path.read_text())
    if metrics["data_source"] != "real":
        sys.exit("error: these are not the real images: set FMNIST_DATA to their folder")
    return {
        "test": metrics["test"]["acc"],
        "training": metrics["train_seconds"],
        "command": seconds,
        "images_per_second": metrics["images_per_second"],
    }


def _keras(python: str) -> Side:
    """The original CNN on all training images, an epoch each time it is told to."""
    return Side("Keras", "in_keras", "cnn", "128", *exported_arrays(60_000), python=python)


def _roofline(recipe: list[str], peaks: list[Peaks]) -> Roofline:
    """The limit of a training step by the medians of what the machine reached."""
    made = Objects(recipe)
    operations, traffic = (statistics.median(values) for values in zip(*map(astuple, peaks), strict=True))
    return Roofline.of_training(made.model, made.datamodule.batch_size, Peaks(operations, traffic))


def _line(run: dict[str, float]) -> str:
    return f"test {run['test']:.4f}   training {run['training']:.1f} s   command {run['command']:.1f} s"


def _print_summary(config: str, runs: list[dict[str, float]], keras_epochs: list[float], target: float | None) -> None:
    columns = {name: [run[name] for run in runs] for name in ("test", "training", "command")}
    figures = {name: mean_and_sd(values, 4 if name == "test" else 1) for name, values in columns.items()}
    print("| config | n | test accuracy | training, s | whole command, s |")
    print("|---|---|---|---|---|")
    print(f"| {config} | {len(runs)} | {figures['test']} | {figures['training']} | {figures['command']} |")
    if keras_epochs:
        keras_seconds = KERAS_EPOCHS * statistics.median(keras_epochs)
        ratio = statistics.median(columns["training"]) / keras_seconds
        print(f"training / {KERAS_EPOCHS} epochs of Keras ({keras_seconds:,.0f} s): {ratio:.3f} (1/{1 / ratio:.1f})")
    if target is not None:
        reached = statistics.mean(columns["test"]) >= target
        print(f"target {target}: {'reached' if reached else 'not reached'}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
