"""How long a recipe takes to the accuracy that it claims, over several seeds.

    python benchmarks/time_to_accuracy.py fast --seeds 5 --target 0.9254 --keras-python KERAS_ENVIRONMENT/bin/python

Each seed is a whole ``train.py fit --config NAME.yaml --seed_everything S`` in a process of its own: nothing is chosen
after looking, the test images are seen once at its end. ``training`` is what metrics.json calls train_seconds;
``command`` is all of it: imports, loading, training, test. With ``--keras-python``, the first 10 epochs of the original
CNN in Keras (batch 128, its Adam) are trained in the same run, between the first two seeds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from parts.result import machine, write_json
from parts.side import ROOT, Side, exported_arrays

KERAS_EPOCHS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default="fast", help="Name of a config.")
    parser.add_argument("--seeds", type=int, default=5, help="How many, from 0.")
    parser.add_argument("--target", type=float, help="Test accuracy that the mean must reach.")
    parser.add_argument("--keras-python", help="Python of an environment with tensorflow-cpu.")
    parser.add_argument("--json", default="runs/benchmarks/time_to_accuracy.json", help="Where the figures go.")
    options = parser.parse_args()
    print(machine()["text"])
    runs, keras_seconds = [], None
    for seed in range(options.seeds):
        runs.append(_fit(options.config, seed))
        print(f"seed {seed}: {_line(runs[-1])}", flush=True)
        if seed == 0 and options.keras_python:
            keras_seconds = _keras(options.keras_python)
    _print_summary(options.config, runs, keras_seconds, options.target)
    write_json(options.json, {"config": options.config, "runs": runs, "keras_seconds": keras_seconds})
    print(f"figures: {options.json}")


def _fit(config: str, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "train.py"), "fit", "--config", f"{config}.yaml"]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--seed_everything", str(seed), "--trainer.default_root_dir", folder, "--report", "false"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
        (path,) = Path(folder).glob("*/version_0/metrics.json")
        metrics: dict[str, Any] = json.loads(path.read_text())
    if metrics["data_source"] != "real":
        sys.exit("error: these are not the real images: set FMNIST_DATA to their folder")
    return {"test": metrics["test"]["acc"], "training": metrics["train_seconds"], "command": seconds}


def _keras(python: str) -> float:
    """Seconds of the original CNN's 10 epochs."""
    side = Side("Keras", "in_keras", "cnn", "128", *exported_arrays(60_000), python=python)
    seconds = [side.go() for _ in range(KERAS_EPOCHS)]
    side.end()
    print(f"Keras: {sum(seconds):.1f} s for {KERAS_EPOCHS} epochs of the original CNN", flush=True)
    return sum(seconds)


def _line(run: dict[str, float]) -> str:
    return f"test {run['test']:.4f}   training {run['training']:.1f} s   command {run['command']:.1f} s"


def _print_summary(
    config: str, runs: list[dict[str, float]], keras_seconds: float | None, target: float | None
) -> None:
    columns = {name: [run[name] for run in runs] for name in runs[0]}
    figures = {
        name: f"{statistics.mean(values):.{4 if name == 'test' else 1}f}"
        + (f" ± {statistics.stdev(values):.{4 if name == 'test' else 1}f}" if len(values) > 1 else "")
        for name, values in columns.items()
    }
    print("| config | n | test accuracy | training, s | whole command, s |")
    print("|---|---|---|---|---|")
    print(f"| {config} | {len(runs)} | {figures['test']} | {figures['training']} | {figures['command']} |")
    if keras_seconds is not None:
        ratio = statistics.mean(columns["training"]) / keras_seconds
        print(f"training / {KERAS_EPOCHS} epochs of Keras: {ratio:.3f} (1/{1 / ratio:.1f})")
    if target is not None:
        reached = statistics.mean(columns["test"]) >= target
        print(f"target {target}: {'reached' if reached else 'not reached'}")


if __name__ == "__main__":
    main()
