"""How time and memory grow with the work: batch size, number of images, width of the network, processes.

    python benchmarks/scaling.py

Each point is one epoch of ``train.py fit`` in a process of its own, with one thing changed: cnn.yaml on 6,000 real
images, and for the number of images dense.yaml, up to ten times the training set by repeating it. Images a second are
those of the training steps; memory is the most that the process held; the limit is that of the machine for this work,
measured before each round. Medians over rounds of all points in turn, and a plot.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from parts.arguments import count
from parts.objects import Objects
from parts.result import machine, write_json
from parts.side import ROOT, real_images
from roofline import Peaks, Roofline, measure_peaks

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.plots.style import BLUE, ORANGE, plot_style

POINT = ROOT / "benchmarks" / "sides" / "point.py"
COMMON = ["--data.val_fraction", "0", "--trainer.max_epochs", "1", "--test_after_fit", "false"]
CNN = ["fit", "--config", "cnn.yaml", *COMMON, "--data.train_limit", "6000"]
DENSE = ["fit", "--config", "dense.yaml", *COMMON]
DDP = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]


@dataclass(frozen=True)
class Point:
    """One training: what grows, how far, and the arguments that say so."""

    grows: str
    value: float
    arguments: list[str]
    repeats: int = 1


POINTS = [
    *(Point("batch size (cnn)", size, [*CNN, "--data.batch_size", str(size)]) for size in (32, 128, 512, 2048)),
    Point("images (dense)", 6_000, [*DENSE, "--data.train_limit", "6000"]),
    Point("images (dense)", 60_000, DENSE),
    Point("images (dense)", 600_000, DENSE, repeats=10),
    *(
        Point(
            "width (cnn, times)",
            width,
            [*CNN, "--model.blocks", json.dumps([[int(32 * width)] * 2, [int(64 * width)] * 2])],
        )
        for width in (0.5, 1, 2)
    ),
    Point("processes (cnn)", 1, CNN),
    Point("processes (cnn)", 2, [*CNN, *DDP]),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=count, default=3, help="Of all points.")
    parser.add_argument(
        "--picture", type=Path, default=Path("runs/benchmarks/scaling.png"), help="Where the plot goes."
    )
    parser.add_argument("--json", default="runs/benchmarks/scaling.json", help="Where the figures go.")
    options = parser.parse_args()
    real_images()  # told in one line where they are not
    print(machine()["text"])
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", flush=True)
        peaks = measure_peaks()
        rounds.append([_measure(point, peaks) for point in POINTS])
    rows = [
        {key: statistics.median(row[key] for row in column) for key in column[0]}
        for column in zip(*rounds, strict=True)
    ]
    _print_table(rows)
    series: dict[str, dict[float, dict[str, float]]] = {}
    for point, row in zip(POINTS, rows, strict=True):
        series.setdefault(point.grows, {})[point.value] = row
    write_json(options.json, {"rounds": options.rounds, "series": series})
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    with plot_style(), replacing(options.picture, "wb") as file:
        _figure(series).savefig(file, format="png")
    print(f"figures: {options.json}, {options.picture}")


def _measure(point: Point, peaks: Peaks) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(POINT), json.dumps(point.arguments), str(point.repeats)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("point ")]
    if done.returncode or not lines:
        sys.exit(f"error: {' '.join(point.arguments)} failed:\n{done.stderr[-2000:]}")
    rate, gib = (float(word) for word in lines[0].split()[1:])
    made = Objects(point.arguments)
    reached = rate / Roofline.of_training(made.model, made.datamodule.batch_size, peaks).images_per_second
    print(f"{point.grows} {point.value:,}: {rate:,.0f} images/s, {reached:.0%} of the limit, {gib:.2f} GiB", flush=True)
    return {"images_per_second": rate, "of_limit": reached, "gib": gib}


def _print_table(rows: list[dict[str, float]]) -> None:
    """Ratios are to the first point of the same thing."""
    print("| what grows | | images/s | of the first | of the machine's limit | memory, GiB |")
    print("|---|---|---|---|---|---|")
    first: dict[str, float] = {}
    for point, row in zip(POINTS, rows, strict=True):
        rate = row["images_per_second"]
        ratio = rate / first.setdefault(point.grows, rate)
        cells = f"{point.value:,} | {rate:,.0f} | {ratio:.2f} | {row['of_limit']:.0%} | {row['gib']:.2f}"
        print(f"| {point.grows} | {cells} |")


def _figure(series: dict[str, dict[float, dict[str, float]]]) -> Figure:
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
