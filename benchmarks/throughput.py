"""Seconds of one training epoch: this project, a PyTorch loop, Lightning's usual way, Keras; in turn, on one machine.

    python benchmarks/throughput.py cnn dense --images 12000 --rounds 5 --keras-python KERAS_ENVIRONMENT/bin/python

Data: the first ``--images`` real images. Batch size: cnn 128, dense 32, cnn_regularized 128. Round 0 warms up and is
not counted; ratios are medians over the other rounds. Each implementation is a process of its own. Without
``--keras-python`` Keras is left out; its environment is made by ``python -m venv KERAS_ENVIRONMENT`` and
``pip install tensorflow-cpu``. ``--precisions 32-true bf16-mixed`` adds rows of this project in these two number
formats; its first row has the one that it selects. The last line of each config compares with the limit of the machine
(roofline.py).

Takes about 15 minutes on two cores as above with all three configs; about 50 with all 60,000 images and 3 rounds.
"""

import argparse
import statistics

from helpers.arguments import Parser, positive_int, program, run
from helpers.processes import EpochProcess
from helpers.real_images import save_arrays
from helpers.results import machine, write_json
from roofline import Roofline, measure_peaks

from fmnist_pl.training.number_format import BF16, FLOAT32
from fmnist_pl.training.options import Options

BATCH_SIZES = {"dense": 32, "cnn": 128, "cnn_regularized": 128}


def main() -> None:
    """Compare the implementations for each config."""
    parser = Parser(__doc__)
    parser.add_argument("configs", nargs="*", type=_config, help=f"Any of {', '.join(BATCH_SIZES)}; default: all.")
    parser.add_argument("--images", type=positive_int, default=60_000, help="Training images of an epoch.")
    parser.add_argument("--rounds", type=positive_int, default=3, help="Number of counted rounds.")
    parser.add_argument("--keras-python", type=program, help="Python of an environment with tensorflow-cpu.")
    parser.add_argument("--without-usual", action="store_true", help="Leave out Lightning's usual way, the slowest.")
    parser.add_argument("--precisions", nargs="+", default=[], choices=[FLOAT32, BF16], help="Number formats to add.")
    parser.add_argument("--json", default="runs/benchmarks/throughput.json", help="File of the results.")
    options = parser.parse_args()
    print(machine()["text"])
    rows = {config: _compare(config, options) for config in options.configs or BATCH_SIZES}
    write_json(options.json, {"images": options.images, "rounds": options.rounds, "configs": rows})


def _config(name: str) -> str:
    if name not in BATCH_SIZES:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(BATCH_SIZES)}")
    return name


def _compare(config: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    batch_size = BATCH_SIZES[config]
    processes = _start(config, batch_size, options)
    print(f"\n{config}, batch {batch_size}, {options.images:,} images")
    rounds = []
    for number in range(options.rounds + 1):
        seconds = [process.train_epoch() for process in processes]
        rounds.append(seconds)
        texts = "   ".join(f"{process.name} {s:7.2f} s" for process, s in zip(processes, seconds, strict=True))
        print(f"round {number}: {texts}{'   (warm-up)' if number == 0 else ''}", flush=True)
    for process in processes:
        process.close()
    counted = list(zip(*rounds[1:], strict=True))
    row = {
        process.name: {
            "seconds": statistics.median(seconds),
            "images_per_second": options.images / statistics.median(seconds),
            "here_over_it": statistics.median(a / b for a, b in zip(counted[0], seconds, strict=True)),
        }
        for process, seconds in zip(processes, counted, strict=True)
    }
    model = Options("fit", ["--config", f"{config}.yaml"]).model
    _print_table(row, Roofline.of_training(model, batch_size, measure_peaks()))
    return row


def _start(config: str, batch_size: int, options: argparse.Namespace) -> list[EpochProcess]:
    """Start one process for each implementation; this project is the first."""
    arguments = [str(options.images), "--config", f"{config}.yaml", "--data.batch_size", str(batch_size)]
    processes = [EpochProcess("here", "project_fit", *arguments)]
    for precision in options.precisions:
        processes.append(EpochProcess(precision, "project_fit", *arguments, "--trainer.precision", precision))
    processes.append(EpochProcess("raw loop", "pytorch_loop", *arguments))
    if not options.without_usual:
        processes.append(EpochProcess("usual way", "default_lightning", *arguments))
    if options.keras_python:
        keras = [config, str(batch_size), *save_arrays(options.images)]
        processes.append(EpochProcess("Keras", "keras_fit", *keras, python=options.keras_python))
    return processes


def _print_table(row: dict[str, dict[str, float]], roofline: Roofline) -> None:
    print("| side | seconds | images/s | here / it |")
    print("|---|---|---|---|")
    for name, values in row.items():
        seconds, rate, ratio = values["seconds"], values["images_per_second"], values["here_over_it"]
        print(f"| {name} | {seconds:.2f} | {rate:,.0f} | {ratio:.3f} |")
    print(roofline.line(row["here"]["images_per_second"]))


if __name__ == "__main__":
    run(main)
