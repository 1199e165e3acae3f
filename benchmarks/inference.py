"""How fast does a trained network answer, and do all ways agree? ``python benchmarks/inference.py``

The weights that ship with the package, or ``--ckpt_path``, on the CPU: as they are (eager), compiled by torch.compile,
as torch.export, as ONNX where onnx is installed, and in bf16 where the CPU computes in it. Each way gets the first test
images in batches of 1000, then some one by one, in turn in one process; the first round is not counted. Rates are
medians of the rounds, latencies percentiles over all single images. Differences are those from eager float32 on all
10,000 test images.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch
from parts.result import machine, write_json
from roofline import Roofline, measure_peaks
from torch import Tensor, nn

from fmnist_pl.data.source import load
from fmnist_pl.errors import UserError
from fmnist_pl.export.checkpoint import load_checkpoint
from fmnist_pl.export.formats import ENDINGS, Format, as_bytes
from fmnist_pl.export.read import read_network
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.predictor import BATCH, Predictor
from fmnist_pl.training.hardware import choose_precision
from fmnist_pl.weights import SHIPPED

BF16 = "eager bf16"
FORMATS: tuple[Format, ...] = ("torch_export", "onnx")


class Timings:
    """What one way takes."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._rates: list[float] = []
        self._latencies: list[float] = []

    def add(self, images: Tensor, singles: int) -> None:
        """Time a round: all ``images`` in batches, then so many of them one by one."""
        self._rates.append(len(images) / self._seconds(images))
        self._latencies += [self._seconds(image) for image in images[:singles].split(1)]

    def forget(self) -> None:
        """The rounds so far were for warming up."""
        self._rates, self._latencies = [], []

    def figures(self) -> dict[str, float]:
        percentiles = statistics.quantiles(self._latencies, n=100)
        rate = statistics.median(self._rates)
        return {"images_per_second": rate, "p50_ms": percentiles[49] * 1000, "p99_ms": percentiles[98] * 1000}

    def _seconds(self, images: Tensor) -> float:
        start = time.perf_counter()
        self._predictor.probabilities(images)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt_path", type=Path, help="A checkpoint; by default the weights that ship.")
    parser.add_argument("--rounds", type=int, default=5, help="Counted rounds.")
    parser.add_argument("--images", type=int, default=5000, help="Images of a round in batches, 1000 at least.")
    parser.add_argument("--singles", type=int, default=400, help="Images of a round one by one.")
    parser.add_argument("--json", default="runs/benchmarks/inference.json", help="Where the figures go.")
    options = parser.parse_args()
    data = load("real", None, verify=True, synthetic_size=0, seed=0, may_download=False)
    images = data.test.images
    print(machine("cpu")["text"])
    network = load_checkpoint(options.ckpt_path).network if options.ckpt_path else read_network(SHIPPED)
    ways = _ways(network)
    rows = _differences(ways, images)
    _time(rows, ways, images[: options.images], options.rounds, options.singles)
    _print_table(rows, len(images))
    roofline = Roofline.of_inference(FromPixels(network), images[:BATCH], measure_peaks("cpu", torch.float32))
    fastest = max(rows.keys() - {BF16}, key=lambda name: rows[name]["images_per_second"])
    print(f"{fastest}: {roofline.line(rows[fastest]['images_per_second'])}")
    counts = {name: getattr(options, name) for name in ("rounds", "images", "singles")}
    weights = str(options.ckpt_path or SHIPPED.name)
    write_json(options.json, {"weights": weights, **counts, "ways": rows, "roofline": asdict(roofline)}, "cpu")
    print(f"figures: {options.json}")


def _ways(network: nn.Module) -> dict[str, Predictor]:
    eager = FromPixels(network)
    ways = {"eager": Predictor(eager), "compiled": Predictor(torch.compile(eager, dynamic=False))}
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            path = Path(folder, f"model{ENDINGS[form]}")
            try:
                path.write_bytes(as_bytes(network, form, {}))
                ways[form] = Predictor.from_export(path, trusted=True)
            except UserError as error:  # a package that not everybody has
                print(f"{form} is left out: {error}")
    if choose_precision("cpu") == "bf16-mixed":
        ways[BF16] = Predictor(torch.autocast("cpu", torch.bfloat16)(eager.forward))
    else:
        print(f"{BF16} is left out: this CPU does not compute in it")
    return ways


def _differences(ways: dict[str, Predictor], images: Tensor) -> dict[str, dict[str, float]]:
    """A row for each way: how far it is from eager float32, on all images."""
    eager = ways["eager"].probabilities(images)
    differences = {}
    for name, predictor in ways.items():
        found = predictor.probabilities(images)
        differences[name] = {
            "largest_difference": float((found - eager).abs().max()),
            "other_classes": int((found.argmax(dim=1) != eager.argmax(dim=1)).sum()),
        }
    return differences


def _time(
    rows: dict[str, dict[str, float]], ways: dict[str, Predictor], images: Tensor, rounds: int, singles: int
) -> None:
    """Add to each way's row what it takes."""
    timings = {name: Timings(predictor) for name, predictor in ways.items()}
    for number in range(rounds + 1):
        for timing in timings.values():
            timing.add(images, singles)
            if number == 0:
                timing.forget()
    for name, timing in timings.items():
        rows[name] |= timing.figures()
        rows[name]["ratio"] = rows[name]["images_per_second"] / rows["eager"]["images_per_second"]


def _print_table(rows: dict[str, dict[str, float]], images: int) -> None:
    print(
        f"| way | images/s, batches of {BATCH} | of eager | one image, p50 | p99 | largest difference | other classes |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        cells = [name, f"{row['images_per_second']:,.0f}", f"{row['ratio']:.2f}"]
        cells += [f"{row['p50_ms']:.2f} ms", f"{row['p99_ms']:.2f} ms"]
        cells += [f"{row['largest_difference']:.1e}", str(row["other_classes"])]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
