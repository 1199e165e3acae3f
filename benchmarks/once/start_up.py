"""How long it takes before anything happens: the command line, the images, the way to the first step.

    python benchmarks/start_up.py

Whole processes, in turn, medians of rounds after one that warms the disk's cache: ``train.py --help`` against the
import that it cannot do without (``lightning.pytorch.cli``); ``train.py fit --config cnn.yaml`` to its first training
step, against the same with imports as Python does them. Then: loading and checking the 70,000 real images,
and the packages whose own modules take longest to import (by ``python -X importtime``, which itself takes a little).
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

from parts.arguments import count
from parts.result import machine, write_json

from fmnist_pl.data import files

ROOT = Path(__file__).parents[1]
TRAIN = str(ROOT / "train.py")
FIT = [
    *("fit", "--config", "cnn.yaml", "--trainer.callbacks+=parts.first_step.EndAtFirstStep"),
    *("--trainer.default_root_dir", tempfile.gettempdir()),
]
PLAIN_IMPORTS = f"""
import contextlib, runpy, sys
from fmnist_pl import start_up
start_up.quick_imports = contextlib.nullcontext
runpy.run_path({TRAIN!r}, run_name="__main__")
"""
COMMANDS = {
    "train.py --help": [TRAIN, "--help"],
    "import lightning.pytorch.cli": ["-c", "import lightning.pytorch.cli"],
    "import torch": ["-c", "import torch"],
    "fit to the first step": [TRAIN, *FIT],
    "the same, imports as Python does them": ["-c", PLAIN_IMPORTS, *FIT],
}
RATIOS = [
    ("train.py --help", "import lightning.pytorch.cli"),
    ("fit to the first step", "the same, imports as Python does them"),
]
PACKAGES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=count, default=3, help="Counted rounds.")
    parser.add_argument("--json", default="runs/benchmarks/start_up.json", help="Where the figures go.")
    options = parser.parse_args()
    folder = files.find_folder(None)
    if folder is None:
        sys.exit("error: no real images to load: set FMNIST_DATA to their folder")
    print(machine("cpu")["text"])
    rounds = [[_seconds(command) for command in COMMANDS.values()] for _ in range(options.rounds + 1)][1:]
    columns = dict(zip(COMMANDS, zip(*rounds, strict=True), strict=True))
    columns["loading and checking the images"] = tuple(_loading(folder) for _ in range(options.rounds))
    print("| what | seconds, median | from | to |")
    print("|---|---|---|---|")
    for name, seconds in columns.items():
        print(f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |")
    ratios = {
        f"{ours} / {other}": statistics.median(a / b for a, b in zip(columns[ours], columns[other], strict=True))
        for ours, other in RATIOS
    }
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.3f}")
    packages = _packages()
    parts = [f"{package} {seconds:.2f}" for package, seconds in packages.items()]
    print(f"imports up to the first step, {sum(packages.values()):.2f} s: {', '.join(parts)}")
    write_json(options.json, {"seconds": columns, "ratios": ratios, "imports": packages}, "cpu")
    print(f"figures: {options.json}")


def _packages() -> dict[str, float]:
    """Seconds of the packages' own modules, the heaviest first, then all others."""
    own = Counter[str]()
    for microseconds, module in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\w+)", _imports(), re.MULTILINE):
        own[module] += int(microseconds)
    heaviest = dict(own.most_common(PACKAGES))
    heaviest["all others"] = own.total() - sum(heaviest.values())
    return {package: microseconds / 1e6 for package, microseconds in heaviest.items()}


def _imports() -> str:
    return _run(["-X", "importtime", TRAIN, *FIT]).stderr


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    _run(command)
    return time.perf_counter() - start


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=True)


def _loading(folder: Path) -> float:
    files._load_unchanged.cache_clear()
    start = time.perf_counter()
    files.load_folder(folder, verify=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
