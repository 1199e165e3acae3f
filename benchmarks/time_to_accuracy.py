"""Test accuracy and training time of a config over several seeds, optionally beside ten epochs of the CNN in Keras.

    python benchmarks/time_to_accuracy.py fast --seeds 5 --target 0.9254 --keras-python KERAS_ENVIRONMENT/bin/python

Data: the real images. Each seed is one ``train.py fit --config NAME.yaml --seed_everything S`` in a process of its own,
with other keys if given (``model.activation=gelu``). The test images are seen once, at the end of each training.
``training`` is ``train_seconds`` of metrics.json; ``command`` is the whole command: imports, loading, training, test.
With ``--keras-python``, one epoch of the original CNN in Keras (batch 128, Adam) follows each seed, up to
``--keras-epochs``; ten times their median stands for the 10 epochs of the original. The last line compares the
throughput with the limit of the machine (roofline.py), measured after each seed.

Takes about 5 minutes on two cores for 5 seeds of fast, 12 with Keras.
"""

import json
import statistics
import sys
import tempfile
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from helpers.arguments import Parser, fit_arguments, positive_int, program, run
from helpers.processes import ROOT, EpochProcess, command_seconds
from helpers.real_images import save_arrays
from helpers.results import machine, write_json
from roofline import Peaks, Roofline, measure_peaks

from fmnist_pl.errors import UserError
from fmnist_pl.reporting.statistics import mean_and_sd
from fmnist_pl.training.options import Options

KERAS_EPOCHS = 10


def main() -> None:
    """Train the config with each seed and print the summary."""
    parser = Parser(__doc__)
    parser.add_argument("config", nargs="?", default="fast", help="Name of a config.")
    parser.add_argument("changes", nargs="*", help="Flags of train.py fit without their hyphens: key=value.")
    parser.add_argument("--seeds", type=positive_int, default=5, help="Number of seeds, from seed 0.")
    parser.add_argument("--target", type=float, help="Test accuracy that the mean must reach, as a fraction.")
    parser.add_argument("--keras-python", type=program, help="Python of an environment with tensorflow-cpu.")
    parser.add_argument("--keras-epochs", type=positive_int, default=5, help="Epochs of Keras, one after each seed.")
    parser.add_argument("--json", default="runs/benchmarks/time_to_accuracy.json", help="File of the results.")
    options = parser.parse_intermixed_args()
    arguments = fit_arguments(options.config, options.changes)
    print(machine()["text"])
    keras = _keras(options.keras_python) if options.keras_python else None
    runs, keras_seconds, peaks = [], [], []
    for seed in range(options.seeds):
        runs.append(_fit(arguments, seed))
        peaks.append(measure_peaks())
        print(f"seed {seed}: {_line(runs[-1])}", flush=True)
        if keras is not None and seed < options.keras_epochs:
            keras_seconds.append(keras.train_epoch())
            print(f"Keras, epoch {seed + 1} of the original CNN: {keras_seconds[-1]:.1f} s", flush=True)
    if keras is not None:
        keras.close()
    _print_summary(" ".join([options.config, *options.changes]), runs, keras_seconds, options.target)
    roofline = _roofline(arguments, peaks)
    print(roofline.line(statistics.median(run["images_per_second"] for run in runs)))
    results = {"runs": runs, "keras_epoch_seconds": keras_seconds, "roofline": asdict(roofline)}
    write_json(options.json, {"config": options.config, "changes": options.changes, **results})


def _fit(arguments: list[str], seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "train.py"), "fit", *arguments, "--seed_everything", str(seed)]
        output = ["--trainer.default_root_dir", folder, "--report", "false", "--trainer.enable_model_summary", "false"]
        seconds = command_seconds([*command, *output])
        (path,) = Path(folder).glob("*/version_0/metrics.json")
        metrics: dict[str, Any] = json.loads(path.read_text())
    if metrics["data_source"] != "real":
        raise UserError(f"data_source is {metrics['data_source']}: set FMNIST_DATA to the folder of the real images")
    return {
        "test": metrics["test"]["acc"],
        "training": metrics["train_seconds"],
        "command": seconds,
        "images_per_second": metrics["images_per_second"],
    }


def _keras(python: str) -> EpochProcess:
    """Start a process that trains the original CNN in Keras on all training images."""
    return EpochProcess("Keras", "keras_fit", "cnn", "128", *save_arrays(60_000), python=python)


def _roofline(arguments: list[str], peaks: list[Peaks]) -> Roofline:
    """Limit of a training step, from the medians of the measured peaks."""
    options = Options("fit", arguments)
    operations, traffic = (statistics.median(values) for values in zip(*map(astuple, peaks), strict=True))
    return Roofline.of_training(options.model, options.datamodule.batch_size, Peaks(operations, traffic))


def _line(run: dict[str, float]) -> str:
    return f"test {run['test']:.4f}   training {run['training']:.1f} s   command {run['command']:.1f} s"


def _print_summary(name: str, runs: list[dict[str, float]], keras_seconds: list[float], target: float | None) -> None:
    columns = {key: [run[key] for run in runs] for key in ("test", "training", "command")}
    cells = {key: mean_and_sd(values, ".4f" if key == "test" else ".1f") for key, values in columns.items()}
    print("| config | n | test accuracy | training, s | whole command, s |")
    print("|---|---|---|---|---|")
    print(f"| {name} | {len(runs)} | {cells['test']} | {cells['training']} | {cells['command']} |")
    if keras_seconds:
        total = KERAS_EPOCHS * statistics.median(keras_seconds)
        ratio = statistics.median(columns["training"]) / total
        print(f"training / {KERAS_EPOCHS} epochs of Keras ({total:,.0f} s): {ratio:.3f} (1/{1 / ratio:.1f})")
    if target is not None:
        reached = statistics.mean(columns["test"]) >= target
        print(f"target {target}: {'reached' if reached else 'not reached'}")


if __name__ == "__main__":
    run(main)
