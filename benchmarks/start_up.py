"""How long ``train.py --help`` takes against the import it cannot do without, in turn.

    python benchmarks/start_up.py

The import is ``lightning.pytorch.cli``. Whole processes, median of ten pairs after one that warms the disk's cache.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

HELP = [sys.executable, str(Path(__file__).parents[1] / "train.py"), "--help"]
IMPORT = [sys.executable, "-c", "import lightning.pytorch.cli"]


def main() -> None:
    pairs = [(_seconds(HELP), _seconds(IMPORT)) for _ in range(11)][1:]
    ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"--help {ours:.2f} s, the import {bare:.2f} s, ratio {ratio:.3f} (median of {len(pairs)} pairs)")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
