"""How time and memory grow with the work: batch size, number of images, width of the network, processes.

    python benchmarks/scaling.py

Each point is one epoch of ``train.py fit`` in a process of its own, with one thing changed: cnn.yaml on 6,000 real
images, and for the number of images dense.yaml, up to ten times the training set by repeating it. Images a second are
those of the training steps; memory is the most that the process held. Draws docs/scaling.png.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from parts.result import machine, write_json
from parts.side import ROOT

from fmnist_pl.files import replacing
from fmnist_pl.reporting.style import BLUE, ORANGE, picture_style

POINT = ROOT / "benchmarks" / "sides" / "point.py"
COMMON = ["--data.val_fraction", "0", "--trainer.max_epochs", "1", "--test_after_fit", "false"]
CNN = ["fit", "--config", "cnn.yaml", *COMMON, "--data.train_limit", "6000"]
DENSE = ["fit", "--config", "dense.yaml", *COMMON]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "scaling.png", help="Where the plot goes.")
    parser.add_argument("--json", default="runs/benchmarks/scaling.json", help="Where the figures go.")
    options = parser.parse_args()
    print(machine()["text"])
    series: dict[str, dict[Any, dict[str, float]]] = {
        "batch size (cnn)": {size: _point([*CNN, "--data.batch_size", str(size)]) for size in (32, 128, 512, 2048)},
        "images (dense)": {
            6_000: _point([*DENSE, "--data.train_limit", "6000"]),
            60_000: _point(DENSE),
            600_000: _point(DENSE, repeats=10),
        },
        "width (cnn, times)": {
            width: _point([*CNN, "--model.blocks", json.dumps([[int(32 * width)] * 2, [int(64 * width)] * 2])])
            for width in (0.5, 1, 2)
        },
        "processes (cnn)": {
            1: _point(CNN),
            2: _point([*CNN, "--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]),
        },
    }
    write_json(options.json, {"series": series})
    with picture_style(), replacing(options.picture, "wb") as file:
        _figure(series).savefig(file, format="png")
    print(f"figures: {options.json}, {options.picture}")


def _point(arguments: list[str], repeats: int = 1) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(POINT), json.dumps(arguments), str(repeats)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("point ")]
    if done.returncode or not lines:
        sys.exit(f"error: {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    rate, gib = (float(word) for word in lines[0].split()[1:])
    print(f"{rate:10,.0f} images/s   {gib:5.2f} GiB   {' '.join(arguments[3:])} x{repeats}", flush=True)
    return {"images_per_second": rate, "gib": gib}


def _figure(series: dict[str, dict[Any, dict[str, float]]]) -> Figure:
    """Throughput and memory against each of the things that grow."""
    figure = Figure(figsize=(4 * len(series), 3.6))
    for axes, (name, points) in zip(figure.subplots(1, len(series)), series.items(), strict=True):
        values = list(points)
        rates, gib = ([point[key] for point in points.values()] for key in ("images_per_second", "gib"))
        axes.plot(values, rates, "o-", color=BLUE)
        axes.set(xlabel=name, xscale="log", ylim=(0, 1.1 * max(rates)))
        axes.set_xticks(values, [f"{value:,}" for value in values])
        axes.set_xticks([], minor=True)
        axes.tick_params(axis="y", colors=BLUE)
        memory = axes.twinx()
        memory.plot(values, gib, "s--", color=ORANGE)
        memory.set_ylim(0, 1.1 * max(gib))
        memory.grid(visible=False)
        memory.tick_params(axis="y", colors=ORANGE)
    figure.suptitle("images a second (blue, solid) and peak memory in GiB (orange, dashed)")
    return figure


if __name__ == "__main__":
    main()
