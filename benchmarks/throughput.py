"""Seconds of one training epoch: here, in a raw loop, the usual way, in Keras; in turn on the same machine.

    python benchmarks/throughput.py cnn dense --keras-python KERAS_ENVIRONMENT/bin/python

The other environment is one's own (``python -m venv KERAS_ENVIRONMENT``, then pip install tensorflow-cpu in it);
without it that side is left out. cnn at batch 128, dense at 32, cnn_regularized at 128, on the first ``--images`` real
images. The first round warms up and is not counted; ratios are medians over the rounds.
"""

import argparse
import statistics

from parts.arguments import count, program
from parts.objects import Objects
from parts.result import machine, write_json
from parts.side import Side, exported_arrays
from roofline import Roofline, measure_peaks

BATCH = {"dense": 32, "cnn": 128, "cnn_regularized": 128}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=_config, help=f"Of {', '.join(BATCH)}; all, if none is named.")
    parser.add_argument("--images", type=count, default=60_000, help="Training images of an epoch.")
    parser.add_argument("--rounds", type=count, default=3, help="Counted rounds.")
    parser.add_argument("--keras-python", type=program, help="Python of an environment with tensorflow-cpu.")
    parser.add_argument("--without-usual", action="store_true", help="Leave out the slowest side.")
    parser.add_argument("--json", default="runs/benchmarks/throughput.json", help="Where the figures go.")
    options = parser.parse_args()
    print(machine()["text"])
    rows = {config: _compare(config, options) for config in options.configs or BATCH}
    write_json(options.json, {"images": options.images, "rounds": options.rounds, "configs": rows})
    print(f"figures: {options.json}")


def _config(name: str) -> str:
    if name not in BATCH:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(BATCH)}")
    return name


def _compare(config: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    batch = BATCH[config]
    arguments = [str(options.images), "--config", f"{config}.yaml", "--data.batch_size", str(batch)]
    sides = [Side("here", "ours", *arguments), Side("raw loop", "raw", *arguments)]
    if not options.without_usual:
        sides.append(Side("usual way", "usual", *arguments))
    if options.keras_python:
        arrays = exported_arrays(options.images)
        sides.append(Side("Keras", "in_keras", config, str(batch), *arrays, python=options.keras_python))
    print(f"\n{config}, batch {batch}, {options.images:,} images")
    rounds = []
    for number in range(options.rounds + 1):
        seconds = [side.go() for side in sides]
        rounds.append(seconds)
        texts = "   ".join(f"{side.name} {s:7.2f} s" for side, s in zip(sides, seconds, strict=True))
        print(f"round {number}: {texts}{'   (warm-up)' if number == 0 else ''}", flush=True)
    for side in sides:
        side.end()
    counted = list(zip(*rounds[1:], strict=True))
    row = {
        side.name: {
            "seconds": statistics.median(seconds),
            "images_per_second": options.images / statistics.median(seconds),
            "here_over_it": statistics.median(a / b for a, b in zip(counted[0], seconds, strict=True)),
        }
        for side, seconds in zip(sides, counted, strict=True)
    }
    model = Objects(["fit", "--config", f"{config}.yaml"]).model
    _print_table(row, Roofline.of_training(model, batch, measure_peaks()))
    return row


def _print_table(row: dict[str, dict[str, float]], roofline: Roofline) -> None:
    print("| side | seconds | images/s | here / it |")
    print("|---|---|---|---|")
    for name, figures in row.items():
        seconds, rate, ratio = figures["seconds"], figures["images_per_second"], figures["here_over_it"]
        print(f"| {name} | {seconds:.2f} | {rate:,.0f} | {ratio:.3f} |")
    print(roofline.line(row["here"]["images_per_second"]))


if __name__ == "__main__":
    main()
