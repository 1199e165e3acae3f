"""Throughput and memory of a training as batch size, number of images, network width and processes grow.

    python benchmarks/scaling.py

Data: the real images. Each measurement is one epoch of ``train.py fit`` in a process of its own, with one setting
changed: cnn.yaml on 6,000 images; for the number of images dense.yaml, up to ten times the training set by repeating
it. Images per second are those of the training steps; memory is the peak of the process; the limit of the machine for
this work (roofline.py) is measured before each round. Prints medians over rounds of all measurements in turn, and plots
them.

Takes about 10 minutes on two cores.
"""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.arguments import Parser, positive_int, run
from helpers.processes import ROOT
from helpers.real_images import real_images
from helpers.results import machine, write_json
from matplotlib.figure import Figure
from roofline import Peaks, Roofline, measure_peaks

from fmnist_pl.atomic_files import replacing
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.style import BLUE, ORANGE, picture_style
from fmnist_pl.training.options import Options

SCRIPT = ROOT / "benchmarks" / "epochs" / "scaling_run.py"
COMMON = ["--data.val_fraction", "0", "--trainer.max_epochs", "1", "--test_after_fit", "false"]
CNN = ["--config", "cnn.yaml", *COMMON, "--data.train_limit", "6000"]
DENSE = ["--config", "dense.yaml", *COMMON]
DDP = ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]


@dataclass(frozen=True)
class Setting:
    """One training: the quantity that grows, its value, and the arguments of ``fit``."""

    quantity: str
    value: float
    arguments: list[str]
    repeats: int = 1


def _blocks(width: float) -> list[str]:
    """Flags of cnn.yaml with ``width`` times as many filters."""
    return ["--model.blocks", json.dumps([[int(filters * width)] * 2 for filters in (32, 64)])]


SETTINGS = [
    *(Setting("batch size (cnn)", size, [*CNN, "--data.batch_size", str(size)]) for size in (32, 128, 512, 2048)),
    Setting("images (dense)", 6_000, [*DENSE, "--data.train_limit", "6000"]),
    Setting("images (dense)", 60_000, DENSE),
    Setting("images (dense)", 600_000, DENSE, repeats=10),
    *(Setting("width (cnn, times)", width, [*CNN, *_blocks(width)]) for width in (0.5, 1, 2)),
    Setting("processes (cnn)", 1, CNN),
    Setting("processes (cnn)", 2, [*CNN, *DDP]),
]


def main() -> None:
    """Measure all settings in rounds, print the medians and plot them."""
    parser = Parser(__doc__)
    parser.add_argument("--rounds", type=positive_int, default=3, help="Number of rounds of all settings.")
    parser.add_argument("--picture", type=Path, default=Path("runs/benchmarks/scaling.png"), help="File of the plot.")
    parser.add_argument("--json", default="runs/benchmarks/scaling.json", help="File of the results.")
    options = parser.parse_args()
    real_images()  # an early error where they are missing
    print(machine()["text"])
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", flush=True)
        peaks = measure_peaks()
        rounds.append([_measure(setting, peaks) for setting in SETTINGS])
    rows = [
        {key: statistics.median(row[key] for row in column) for key in column[0]}
        for column in zip(*rounds, strict=True)
    ]
    _print_table(rows)
    series: dict[str, dict[float, dict[str, float]]] = {}
    for setting, row in zip(SETTINGS, rows, strict=True):
        series.setdefault(setting.quantity, {})[setting.value] = row
    write_json(options.json, {"rounds": options.rounds, "series": series})
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    with picture_style(), replacing(options.picture, "wb") as file:
        _plot(series).savefig(file, format="png")
    print(f"plot: {options.picture}")


def _measure(setting: Setting, peaks: Peaks) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(["fit", *setting.arguments]), str(setting.repeats)],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("result ")]
    if done.returncode or not lines:
        print(done.stderr[-2000:], file=sys.stderr)
        raise UserError(f"code {done.returncode}, messages above, from: fit {' '.join(setting.arguments)}")
    rate, gib = (float(word) for word in lines[0].split()[1:])
    options = Options("fit", setting.arguments)
    limit = Roofline.of_training(options.model, options.datamodule.batch_size, peaks).images_per_second
    print(
        f"{setting.quantity} {setting.value:,}: {rate:,.0f} images/s, {rate / limit:.0%} of the limit, {gib:.2f} GiB",
        flush=True,
    )
    return {"images_per_second": rate, "of_limit": rate / limit, "gib": gib}


def _print_table(rows: list[dict[str, float]]) -> None:
    """Print a row for each setting; ratios are to the first setting of the same quantity."""
    print("| what grows | | images/s | of the first | of the machine's limit | memory, GiB |")
    print("|---|---|---|---|---|---|")
    first: dict[str, float] = {}
    for setting, row in zip(SETTINGS, rows, strict=True):
        rate = row["images_per_second"]
        ratio = rate / first.setdefault(setting.quantity, rate)
        cells = f"{setting.value:,} | {rate:,.0f} | {ratio:.2f} | {row['of_limit']:.0%} | {row['gib']:.2f}"
        print(f"| {setting.quantity} | {cells} |")


def _plot(series: dict[str, dict[float, dict[str, float]]]) -> Figure:
    """Plot throughput and memory against each quantity."""
    figure = Figure(figsize=(4 * len(series), 3.6))
    row_of_axes = figure.subplots(1, len(series), squeeze=False)[0]
    for axes, (name, rows) in zip(row_of_axes, series.items(), strict=True):
        values = list(rows)
        rates, gib = ([row[key] for row in rows.values()] for key in ("images_per_second", "gib"))
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
    figure.suptitle("images per second (blue, solid) and peak memory in GiB (orange, dashed)")
    return figure


if __name__ == "__main__":
    run(main)
