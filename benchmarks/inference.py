"""Throughput, latency and agreement of a trained network: eager, compiled, exported, in bf16.

    python benchmarks/inference.py

Data: the 10,000 real test images. Model: the weights of the package, or ``--ckpt_path``, on the CPU: eager, by
torch.compile, as torch.export, as ONNX in float32 and in int8 if onnx is installed, in bf16 if the CPU supports it.
int8 is calibrated on 1,000 training images. Each gets the first test images in batches of 1000, then some one by one,
in turn in one process; the first round is not counted. Throughput is the median of the rounds, latencies are
percentiles over all single images. Differences in probability and class are from eager float32 on all test images.

Takes about 3 minutes on two cores.
"""

import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from helpers.arguments import Parser, positive_int, run
from helpers.results import machine, write_json
from roofline import Roofline, measure_peaks
from torch import Tensor, nn

from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.source import load
from fmnist_pl.data.split import stratified_order
from fmnist_pl.errors import UserError
from fmnist_pl.export.formats import ENDINGS, Format, as_bytes
from fmnist_pl.export.int8 import CALIBRATION_IMAGES
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import read_checkpoint, read_safetensors
from fmnist_pl.predictor import BATCH, Predictor
from fmnist_pl.training.hardware import has_bfloat16
from fmnist_pl.weights import SHIPPED

BF16 = "eager bf16"
INT8: Format = "onnx_int8"
FORMATS: tuple[Format, ...] = ("torch_export", "onnx", INT8)


@dataclass(frozen=True)
class Variant:
    """A way to run the network, and the size of its file in bytes; 0 without a file."""

    predictor: Predictor
    size: int = 0


class Timings:
    """Measured times of one variant of the network."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._rates: list[float] = []
        self._latencies: list[float] = []

    def add(self, images: Tensor, singles: int) -> None:
        """Time one round: all ``images`` in batches, then the first ``singles`` of them one by one."""
        self._rates.append(len(images) / self._seconds(images))
        self._latencies += [self._seconds(image) for image in images[:singles].split(1)]

    def clear(self) -> None:
        """Remove the warm-up round."""
        self._rates, self._latencies = [], []

    def summary(self) -> dict[str, float]:
        """Median throughput, and the 50th and 99th percentile of the latency in ms."""
        percentiles = statistics.quantiles(self._latencies, n=100)
        rate = statistics.median(self._rates)
        return {"images_per_second": rate, "p50_ms": percentiles[49] * 1000, "p99_ms": percentiles[98] * 1000}

    def _seconds(self, images: Tensor) -> float:
        start = time.perf_counter()
        self._predictor.probabilities(images)
        return time.perf_counter() - start


def main() -> None:
    """Compare the variants and print the table."""
    parser = Parser(__doc__)
    parser.add_argument("--ckpt_path", type=Path, help="A checkpoint; default: the weights of the package.")
    parser.add_argument("--rounds", type=positive_int, default=5, help="Number of counted rounds.")
    parser.add_argument(
        "--images", type=positive_int, default=5000, help="Images of a round in batches, at least 1000."
    )
    parser.add_argument("--singles", type=positive_int, default=400, help="Images of a round one by one, at least 2.")
    parser.add_argument("--json", default="runs/benchmarks/inference.json", help="File of the results.")
    options = parser.parse_args()
    data = load("real", None, verify=True, synthetic_size=0, seed=0, may_download=False)
    images = data.test.images
    print(machine("cpu")["text"])
    network = read_checkpoint(options.ckpt_path).network() if options.ckpt_path else read_safetensors(SHIPPED)
    variants = _variants(network, data.train)
    rows = _differences(variants, data.test)
    _time(rows, variants, images[: options.images], options.rounds, options.singles)
    _print_table(rows)
    roofline = Roofline.of_inference(FromPixels(network), images[:BATCH], measure_peaks("cpu", torch.float32))
    fastest = max(rows.keys() - {BF16, INT8}, key=lambda name: rows[name]["images_per_second"])
    print(f"{fastest}: {roofline.line(rows[fastest]['images_per_second'])}")
    counts = {name: getattr(options, name) for name in ("rounds", "images", "singles")}
    weights = str(options.ckpt_path or SHIPPED.name)
    write_json(options.json, {"weights": weights, **counts, "ways": rows, "roofline": asdict(roofline)}, "cpu")


def _variants(network: nn.Module, train: LabelledImages) -> dict[str, Variant]:
    """Make a predictor for each way to run the network that this machine supports."""
    calibration = train.images[stratified_order(train.labels, seed=0)[-CALIBRATION_IMAGES:]]  # the validation is first
    eager = FromPixels(network)
    variants = {
        "eager": Variant(Predictor(eager)),
        "compiled": Variant(Predictor(torch.compile(eager, dynamic=False))),
    }
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            path = Path(folder, f"model{ENDINGS[form]}")
            try:
                path.write_bytes(as_bytes(network, form, {}, calibration))
                variants[form] = Variant(Predictor.from_export(path, trusted=True), path.stat().st_size)
            except UserError as error:  # an optional package is missing
                print(f"{form} is left out: {error}")
    if has_bfloat16("cpu"):
        variants[BF16] = Variant(Predictor(torch.autocast("cpu", torch.bfloat16)(eager.forward)))
    else:
        print(f"{BF16} is left out: this CPU does not support it")
    return variants


def _differences(variants: dict[str, Variant], test: LabelledImages) -> dict[str, dict[str, float]]:
    """Compare each variant with eager float32: largest difference of a probability, number of other classes."""
    eager = variants["eager"].predictor.probabilities(test.images)
    differences = {}
    for name, variant in variants.items():
        probabilities = variant.predictor.probabilities(test.images)
        differences[name] = {
            "bytes": variant.size,
            "accuracy": float((probabilities.argmax(dim=1) == test.labels).float().mean()),
            "largest_difference": float((probabilities - eager).abs().max()),
            "other_classes": int((probabilities.argmax(dim=1) != eager.argmax(dim=1)).sum()),
        }
    return differences


def _time(
    rows: dict[str, dict[str, float]], variants: dict[str, Variant], images: Tensor, rounds: int, singles: int
) -> None:
    """Time the variants in turn and add the results to ``rows``."""
    timings = {name: Timings(variant.predictor) for name, variant in variants.items()}
    for number in range(rounds + 1):
        for timing in timings.values():
            timing.add(images, singles)
            if number == 0:
                timing.clear()
    for name, timing in timings.items():
        rows[name] |= timing.summary()
        rows[name]["ratio"] = rows[name]["images_per_second"] / rows["eager"]["images_per_second"]


def _print_table(rows: dict[str, dict[str, float]]) -> None:
    print(
        f"| way | images/s, batches of {BATCH} | of eager | one image, p50 | p99 | largest difference | other classes "
        "| accuracy | file |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        cells = [name, f"{row['images_per_second']:,.0f}", f"{row['ratio']:.2f}"]
        cells += [f"{row['p50_ms']:.2f} ms", f"{row['p99_ms']:.2f} ms"]
        cells += [f"{row['largest_difference']:.1e}", str(row["other_classes"])]
        cells += [f"{row['accuracy']:.4f}", f"{row['bytes'] / 1e6:.2f} MB" if row["bytes"] else ""]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    run(main)
