"""How long it takes before anything happens: the command line, and loading the images.

    python benchmarks/start_up.py

``train.py --help`` against the import that it cannot do without (``lightning.pytorch.cli``): whole processes, in turn,
median of ten pairs after one that warms the disk's cache. Loading: the 70,000 real images, checked, median of five.
To the first step: from the start of the process ``train.py fit --config cnn.yaml`` to its first training step, and the
imports in it, each a process that ends there; median of five.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from fmnist_pl.data.files import find_folder, load_folder

HELP = [sys.executable, str(Path(__file__).parents[1] / "train.py"), "--help"]
IMPORT = [sys.executable, "-c", "import lightning.pytorch.cli"]
FIRST_STEP = """
import os, tempfile
from fmnist_pl.models import Classifier
from fmnist_pl.training import train

Classifier.shared_step = lambda *arguments: os._exit(0)
with tempfile.TemporaryDirectory() as folder:
    train(["fit", "--config", "cnn.yaml", "--trainer.default_root_dir", folder])
"""
PARTS = {
    "import torch": "import torch",
    "import lightning.pytorch.cli": "import lightning.pytorch.cli",
    "import fmnist_pl.training": "import fmnist_pl.training",
    "to the first step": FIRST_STEP,
}


def main() -> None:
    pairs = [(_seconds(HELP), _seconds(IMPORT)) for _ in range(11)][1:]
    ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"--help {ours:.2f} s, the import {bare:.2f} s, ratio {ratio:.3f} (median of {len(pairs)} pairs)")
    folder = find_folder(None)
    if folder is None:
        sys.exit("error: no real images to load: set FMNIST_DATA to their folder")
    print(f"loading and checking the images: {statistics.median(_loading(folder) for _ in range(5)):.2f} s")
    _print_parts()


def _print_parts() -> None:
    """Each part holds those above it."""
    rounds = [[_seconds([sys.executable, "-c", code]) for code in PARTS.values()] for _ in range(6)][1:]
    for name, seconds in zip(PARTS, zip(*rounds, strict=True), strict=True):
        print(f"{name}: {statistics.median(seconds):.2f} s (median of {len(seconds)})")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _loading(folder: Path) -> float:
    start = time.perf_counter()
    load_folder(folder, verify=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
