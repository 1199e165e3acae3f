"""Everything to measure on a CUDA GPU: tests, number format, memory, time to accuracy, speed of steps and of epochs.

    python benchmarks/gpu.py

Data: the real images; no network is used. Each stage is a process of its own with a limit of time: one that fails or is
stopped at its limit does not keep the next ones from running, and what it measured until then is kept.

    tests          the tests marked ``gpu``
    number_format  the chosen format; a matrix product and an epoch of cnn in float32 and in bf16
    memory         peak GPU memory of an epoch of each config
    fast           fast.yaml: test accuracy and training time over seeds, target 0.9254
    fast_gpu       fast_gpu.yaml, the same, target 0.94
    steps          dense and cnn: 1, 5 and 25 steps per call, compiled, captured as a CUDA graph
    epochs         an epoch of each config, here and by Lightning's usual way

Results: one JSON file and, beside it, one Markdown table; the output of each stage is in a ``.log`` file there. Without
a GPU, one line says so. ``--device cpu --images 2000`` tries all stages on a CPU, with any images of the four files.

Takes at most 8 minutes on a GPU: later stages are then shortened or skipped, and the table says so.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from helpers.arguments import Parser, fit_arguments, positive_int, run
from helpers.gpu_stages import ALL_IMAGES, Settings, read_rows
from helpers.processes import ROOT
from helpers.real_images import real_images
from helpers.results import machine, write_json

from fmnist_pl.atomic_files import replacing
from fmnist_pl.config import CONFIG_FOLDER
from fmnist_pl.data.folder import find_folder
from fmnist_pl.errors import UserError

SECONDS = {
    "tests": 120, "number_format": 40, "memory": 60, "fast": 60, "fast_gpu": 90, "steps": 140, "epochs": 180,
}  # fmt: skip
"""Limit of each stage within 8 minutes, in the order in which they run: the more important and the shorter first."""
MINUTES = 8
LEAST_SECONDS = 15  # a stage that would have less is skipped
START_SECONDS = 15  # imports and checks of this process, before its clock starts
NO_GPU = "no CUDA GPU on this machine: nothing is measured (--device cpu tries the stages on the CPU)"


class Clock:
    """Time for all stages, from now on."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self._end = time.monotonic() + 60 * minutes - START_SECONDS

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self._end - time.monotonic()

    def limit(self, stage: str) -> float:
        """Limit of a stage in seconds, in proportion to the time for all."""
        return SECONDS[stage] * self.minutes / MINUTES


@dataclass
class Result:
    """What a stage saw.

    Attributes:
        rows: What it measured: ``what``, ``result`` as text, ``values`` as numbers.
        problem: Why it ended early, ``None`` if it did not.
        seconds: How long it ran.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None
    seconds: float = 0.0


def main() -> None:
    """Run the stages and write what they saw."""
    options = _parse()
    if options.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU)
        return
    settings = Settings(options.device, options.images, options.seeds, tuple(options.configs or _all_configs()))
    for config in settings.configs:
        fit_arguments(f"{config}.yaml")
    if not settings.is_dry_run:
        real_images()
    elif find_folder(None) is None:
        raise UserError("this benchmark needs images: set FMNIST_DATA to the folder of the four files")
    clock = Clock(options.minutes)
    results: dict[str, Result] = {}
    try:
        for name in options.stages or SECONDS:
            results[name] = _within_limit(name, settings, clock, Path(options.json))
            print(_lines(name, results[name]), flush=True)
    finally:
        _write(options.json, settings, results)
    unwell = [name for name, result in results.items() if result.problem]
    if unwell:
        raise UserError(f"not complete: {', '.join(unwell)}; the reasons are in the table")


def _parse() -> argparse.Namespace:
    parser = Parser(__doc__)
    parser.add_argument("stages", nargs="*", type=_stage, help="Stages to run; default: all.")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu for a dry run.")
    parser.add_argument("--images", type=positive_int, default=ALL_IMAGES, help="Training images of an epoch.")
    parser.add_argument("--seeds", type=positive_int, default=5, help="Number of seeds of fast and fast_gpu.")
    parser.add_argument("--configs", nargs="+", help="Configs of memory, steps and epochs; default: all.")
    parser.add_argument("--minutes", type=positive_int, default=MINUTES, help="Limit of all stages together.")
    parser.add_argument("--json", default="runs/benchmarks/gpu.json", help="File of the results.")
    return parser.parse_args()


def _stage(name: str) -> str:
    if name not in SECONDS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(SECONDS)}")
    return name


def _all_configs() -> list[str]:
    return sorted(path.stem for path in CONFIG_FOLDER.glob("*.yaml"))


def _within_limit(name: str, settings: Settings, clock: Clock, json_path: Path) -> Result:
    """Run a stage within its limit, or within the time that is left for all if that is shorter."""
    full, left = clock.limit(name), clock.left
    if left < LEAST_SECONDS:
        return Result(problem=f"skipped: {max(left, 0):.0f} s were left for it")
    limit = min(full, left)
    log = json_path.with_name(f"{json_path.stem}-{name}.log")
    result = run_stage(stage_command(name, settings), limit, log)
    if result.problem and limit < full:
        result.problem += f" (shortened from {full:.0f} s: the {clock.minutes} minutes were nearly over)"
    return result


def stage_command(name: str, settings: Settings) -> list[str]:
    """The command of a stage, for a process with the repository and benchmarks/ on its import path."""
    if name == "tests":
        files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text()]
        options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-q"]
        return [sys.executable, "-m", "pytest", *options, "-m", "gpu", *files]
    return [sys.executable, "-m", "helpers.gpu_stages", name, settings.as_json()]


def run_stage(command: list[str], limit: float, log: Path) -> Result:
    """Run the command of a stage to its end or to its limit, then end all processes that it started.

    Args:
        command: Prints its rows; what pytest prints last counts as one.
        limit: Seconds after which it is stopped.
        log: File of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")])}
    start = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    output = log.read_text(errors="replace")
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
    result = Result(read_rows(output), seconds=time.monotonic() - start)
    if "pytest" in command and code is not None:
        result.rows.append({"what": "pytest -m gpu", "result": last.strip("= "), "values": {"code": code}})
    if code is None:
        result.problem = f"stopped after {limit:.0f} s, its limit"
    elif code:
        result.problem = f"failed with code {code}: {last[:200]}; see {log.name}"
    return result


def _lines(name: str, result: Result) -> str:
    """Rows of the Markdown table."""
    cells = [(row["what"], row["result"]) for row in result.rows]
    if result.problem:
        cells.append(("**not complete**", result.problem))
    return "\n".join(f"| {name} | {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in cells)


def _write(path: str, settings: Settings, results: dict[str, Result]) -> None:
    """Write the JSON file and the table."""
    stages = {name: vars(result) for name, result in results.items()}
    about = {"device": settings.device, "images": settings.images, "stages": stages}
    write_json(path, about, settings.device)
    table = Path(path).with_suffix(".md")
    title = f"{machine(settings.device)['text']}; {settings.images:,} images"
    if settings.is_dry_run:
        title += "; **a dry run: these numbers mean nothing**"
    with replacing(table) as file:
        lines = [_lines(name, result) for name, result in results.items()]
        file.write("\n".join([title, "", "| stage | what | result |", "|---|---|---|", *lines, ""]))
    print(f"table: {table}")


if __name__ == "__main__":
    run(main)
