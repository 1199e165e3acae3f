"""Time from a command to its first step, to its help and to the report of a mistake, as ratios to ``import torch``.

    OMP_NUM_THREADS=1 python benchmarks/once/start_up.py

Data: the real images. Whole processes in turn, medians over rounds after a first one that fills the disk cache. Each
case in wall seconds and in CPU seconds (user and system), each with the median over rounds of its ratio to ``import
torch`` of the same round; CPU seconds depend less on other programs of the machine. Beside the cases:
``lightning.pytorch.cli``, which ``fit`` needs, and the first step with garbage collection during imports. Then: loading
and checking the 70,000 images, and the packages whose modules take longest to import (``python -X importtime``, which
adds a little time).

Takes about 5 minutes on two idle cores.
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
from collections.abc import Sequence
from pathlib import Path

import torch

from fmnist_pl.data.folder import find_folder
from fmnist_pl.training.hardware import device_name

ROOT = Path(__file__).parents[2]
TRAIN, TUNE = str(ROOT / "train.py"), str(ROOT / "tune.py")
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
TORCH = "import torch"
FIRST_STEP = "fit --config cnn.yaml, to the first step"
COMMANDS = {
    TORCH: ["-c", "import torch"],
    "import lightning.pytorch.cli": ["-c", "import lightning.pytorch.cli"],
    "train.py --help": [TRAIN, "--help"],
    "train.py fit --help": [TRAIN, "fit", "--help"],
    "tune.py --help": [TUNE, "--help"],
    "wrong command: train.py fti": [TRAIN, "fti"],
    "wrong config: fit --config cnnn.yaml": [TRAIN, "fit", "--config", "cnnn.yaml"],
    "wrong flag: --nonsense 3": [TRAIN, "fit", "--config", "cnn.yaml", "--nonsense", "3"],
    "wrong flag: --trainer.max_epoch 3": [TRAIN, "fit", "--config", "cnn.yaml", "--trainer.max_epoch", "3"],
    "wrong flag: --optimizer.nonsense 3": [TRAIN, "fit", "--config", "cnn.yaml", "--optimizer.nonsense", "3"],
    "wrong value: --trainer.max_epochs many": [TRAIN, "fit", "--config", "cnn.yaml", "--trainer.max_epochs", "many"],
    "wrong flag: tune.py --nonsense 3": [TUNE, "--nonsense", "3"],
    FIRST_STEP: [TRAIN, *FIT],
    "the same with garbage collection": ["-c", PLAIN_IMPORTS, *FIT],
}
PACKAGES = 8
Times = tuple[float, float]
"""Wall seconds and CPU seconds."""


def main() -> None:
    """Time the commands and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="Number of counted rounds.")
    options = parser.parse_args()
    folder = find_folder(None)
    if folder is None:
        sys.exit("error: this benchmark needs the real images: set FMNIST_DATA to their folder")
    print(f"{device_name(torch.device('cpu'))}, {os.cpu_count()} cores, torch {torch.__version__}")
    rounds = [[_seconds(command) for command in COMMANDS.values()] for _ in range(options.rounds + 1)][1:]
    columns = dict(zip(COMMANDS, zip(*rounds, strict=True), strict=True))
    print(f"{options.rounds} rounds")
    print("| what | wall seconds, median | from | to | / import torch | CPU seconds, median | / import torch |")
    print("|---|---|---|---|---|---|---|")
    for name, times in columns.items():
        wall, cpu = zip(*times, strict=True)
        wall_ratio, cpu_ratio = (_ratio(times, columns[TORCH], clock) for clock in (0, 1))
        print(
            f"| {name} | {statistics.median(wall):.2f} | {min(wall):.2f} | {max(wall):.2f} | {wall_ratio:.2f} "
            f"| {statistics.median(cpu):.2f} | {cpu_ratio:.2f} |",
            flush=True,
        )
    loading = [_loading(folder) for _ in range(options.rounds)]
    print(f"loading and checking the images: {statistics.median(loading):.2f} s")
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


def _ratio(times: Sequence[Times], others: Sequence[Times], clock: int) -> float:
    """Median over rounds of the ratio of two commands on one of the clocks."""
    return statistics.median(a[clock] / b[clock] for a, b in zip(times, others, strict=True))


def _seconds(command: list[str]) -> Times:
    """Wall seconds and CPU seconds of a process and those that it waits for."""
    start, before = time.perf_counter(), os.times()
    _run(command, check=False)  # those with a mistake exit with 1
    wall, after = time.perf_counter() - start, os.times()
    return wall, sum(after[2:4]) - sum(before[2:4])


def _loading(folder: Path) -> float:
    return float(_run(["-c", LOADING, str(folder)]).stdout)


def _run(command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=check)


if __name__ == "__main__":
    main()
