"""Do exported files agree with the network, and how fast is each? ``python benchmarks/exported.py``

The weights that ship with the package, or ``--ckpt_path``, as ONNX and torch.export: largest difference of any
probability and of any class from eager float32 on all 10,000 test images, then images a second of each, in turn in one
process, batches of 1000 and single images, the median of the rounds after the first.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from fmnist_pl.data.source import load
from fmnist_pl.export.checkpoint import load_checkpoint
from fmnist_pl.export.formats import ENDINGS, Format, as_bytes
from fmnist_pl.export.read import read_network
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED

FORMATS: tuple[Format, ...] = ("torch_export", "onnx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt_path", type=Path, help="A checkpoint; by default the weights that ship.")
    parser.add_argument("--rounds", type=int, default=6, help="The first is not counted.")
    options = parser.parse_args()
    data = load("real", None, verify=True, synthetic_size=0, seed=0, may_download=False)
    if data.source != "real":
        sys.exit("error: these are not the real images")
    images = data.test.images
    network = load_checkpoint(options.ckpt_path).network if options.ckpt_path else read_network(SHIPPED)
    predictors = {"eager": Predictor(FromPixels(network))}
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            path = Path(folder, f"model{ENDINGS[form]}")
            path.write_bytes(as_bytes(network, form, {}))
            predictors[form] = Predictor.from_export(path, trusted=True)
    _agreement(predictors, images)
    _speed(predictors, images, options.rounds)


def _agreement(predictors: dict[str, Predictor], images: Tensor) -> None:
    eager = predictors["eager"].probabilities(images)
    for form in FORMATS:
        exported = predictors[form].probabilities(images)
        others = int((exported.argmax(dim=1) != eager.argmax(dim=1)).sum())
        difference = float((exported - eager).abs().max())
        print(f"{form}: within {difference:.1e}, another class on {others} of {len(images):,}")


def _speed(predictors: dict[str, Predictor], images: Tensor, rounds: int) -> None:
    batches: dict[str, list[float]] = {name: [] for name in predictors}
    single: dict[str, list[float]] = {name: [] for name in predictors}
    for _ in range(rounds):
        for name, predictor in predictors.items():
            batches[name].append(len(images) / _seconds(predictor, [images]))
            single[name].append(_seconds(predictor, list(images[:200].split(1))) / 200)
    print(f"{torch.get_num_threads()} threads, median of {rounds - 1} rounds in turn")
    for name in predictors:
        fast, one = statistics.median(batches[name][1:]), statistics.median(single[name][1:])
        print(f"{name}: {fast:,.0f} images/s in batches of 1000; one image {one * 1000:.2f} ms")


def _seconds(predictor: Predictor, parts: list[Tensor]) -> float:
    start = time.perf_counter()
    for part in parts:
        predictor.probabilities(part)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
