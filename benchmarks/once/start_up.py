"""Time from a command to its first step: imports, command line, images.

    python benchmarks/once/start_up.py

Data: the real images. Whole processes in turn, medians over rounds after a first one that fills the disk cache:
``train.py --help`` against the import that it needs (``lightning.pytorch.cli``), and ``train.py fit --config cnn.yaml``
to its first training step, with garbage collection during imports and without. Then: loading and checking the 70,000
images, and the packages whose modules take longest to import (``python -X importtime``, which adds a little time).

Takes about 2 minutes on two cores.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch

from fmnist_pl.data.folder import find_folder
from fmnist_pl.training.hardware import device_name

ROOT = Path(__file__).parents[2]
TRAIN = str(ROOT / "train.py")
FIT = [
    *("fit", "--config", "cnn.yaml", "--trainer.callbacks+=once.first_step.ExitAtFirstStep"),
    *("--trainer.default_root_dir", tempfile.gettempdir()),
]
PLAIN_IMPORTS = f"""
import contextlib, runpy, sys
from fmnist_pl import start_up
start_up.quick_imports = contextlib.nullcontext
runpy.run_path({TRAIN!r}, run_name="__main__")
"""
LOADING = """
import sys, time
from pathlib import Path
from fmnist_pl.data.folder import load_folder
start = time.perf_counter()
load_folder(Path(sys.argv[1]), verify=True)
print(time.perf_counter() - start)
"""
COMMANDS = {
    "train.py --help": [TRAIN, "--help"],
    "import lightning.pytorch.cli": ["-c", "import lightning.pytorch.cli"],
    "import torch": ["-c", "import torch"],
    "fit to the first step": [TRAIN, *FIT],
    "the same with garbage collection": ["-c", PLAIN_IMPORTS, *FIT],
}
RATIOS = [
    ("train.py --help", "import lightning.pytorch.cli"),
    ("fit to the first step", "the same with garbage collection"),
]
PACKAGES = 8


def main() -> None:
    """Time the commands and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="Number of counted rounds.")
    options = parser.parse_args()
    folder = find_folder(None)
    if folder is None:
        sys.exit("error: this benchmark needs the real images: set FMNIST_DATA to their folder")
    print(f"{device_name(torch.device('cpu'))}, {os.cpu_count()} cores, torch {torch.__version__}")
    rounds = [[_seconds(command) for command in COMMANDS.values()] for _ in range(options.rounds + 1)][1:]
    columns = dict(zip(COMMANDS, zip(*rounds, strict=True), strict=True))
    columns["loading and checking the images"] = tuple(_loading(folder) for _ in range(options.rounds))
    print("| what | seconds, median | from | to |")
    print("|---|---|---|---|")
    for name, seconds in columns.items():
        print(f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |")
    for name, other in RATIOS:
        ratio = statistics.median(a / b for a, b in zip(columns[name], columns[other], strict=True))
        print(f"{name} / {other}: {ratio:.3f}")
    packages = _import_seconds()
    texts = [f"{package} {seconds:.2f}" for package, seconds in packages.items()]
    print(f"imports up to the first step, {sum(packages.values()):.2f} s: {', '.join(texts)}")


def _import_seconds() -> dict[str, float]:
    """Import seconds by package, without the packages that it imports; the longest first, then all others."""
    report = _run(["-X", "importtime", TRAIN, *FIT]).stderr
    total = Counter[str]()
    for microseconds, package in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\w+)", report, re.MULTILINE):
        total[package] += int(microseconds)
    longest = dict(total.most_common(PACKAGES))
    longest["all others"] = total.total() - sum(longest.values())
    return {package: microseconds / 1e6 for package, microseconds in longest.items()}


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    _run(command)
    return time.perf_counter() - start


def _loading(folder: Path) -> float:
    return float(_run(["-c", LOADING, str(folder)]).stdout)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    main()
