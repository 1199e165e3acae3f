"""How long it takes before anything happens: the command line, the images, the way to the first step.

    python benchmarks/start_up.py

Whole processes, in turn, medians of three rounds after one that warms the disk's cache: ``train.py --help`` against the
import that it cannot do without (``lightning.pytorch.cli``); ``train.py fit --config cnn.yaml`` to its first training
step, against the same with imports as Python does them. Then: loading and checking the 70,000 real images,
and the packages whose own modules take longest to import (by ``python -X importtime``, which itself takes a little).
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

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
ROUNDS, PACKAGES = 3, 8


def main() -> None:
    folder = files.find_folder(None)
    if folder is None:
        sys.exit("error: no real images to load: set FMNIST_DATA to their folder")
    rounds = [[_seconds(command) for command in COMMANDS.values()] for _ in range(ROUNDS + 1)][1:]
    for name, seconds in zip(COMMANDS, zip(*rounds, strict=True), strict=True):
        print(f"{name}: {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} (n = {ROUNDS})")
    for ours, other in ((0, 1), (3, 4)):
        ratio = statistics.median(row[ours] / row[other] for row in rounds)
        print(f"{list(COMMANDS)[ours]} / {list(COMMANDS)[other]}: {ratio:.3f}")
    loading = statistics.median(_loading(folder) for _ in range(ROUNDS))
    print(f"loading and checking the images: {loading:.2f} s (n = {ROUNDS})")
    _print_packages()


def _print_packages() -> None:
    own = Counter[str]()
    for microseconds, module in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\w+)", _imports(), re.MULTILINE):
        own[module] += int(microseconds)
    heaviest = own.most_common(PACKAGES)
    rest = own.total() - sum(microseconds for _, microseconds in heaviest)
    parts = [f"{package} {microseconds / 1e6:.2f}" for package, microseconds in [*heaviest, ("all others", rest)]]
    print(f"imports up to the first step, {own.total() / 1e6:.2f} s: {', '.join(parts)}")


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
