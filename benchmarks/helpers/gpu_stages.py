"""Stages of gpu.py that measure. Each runs in a process of its own and prints a ``row`` for each result.

Arguments: the name of a stage, and `Settings` as JSON.
"""

import gc
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from roofline import measure_peaks

from fmnist_pl.reporting.statistics import mean_and_sd
from fmnist_pl.training import train
from fmnist_pl.training.number_format import BF16, FLOAT32, choose_number_format, measure, short_precision
from helpers.processes import EpochProcess

ROW = "row "
ALL_IMAGES = 60_000
TARGETS = {"fast": 0.9254, "fast_gpu": 0.94}
OF_A_STEP = ("dense", "cnn")
STEPS = (1, 5, 25)
CAPTURE = ["--cuda_graph", "true"]
COMPILE = ["--compile", "true"]


@dataclass(frozen=True)
class Settings:
    """Device, size and configs of the stages.

    Attributes:
        device: ``cuda``, or ``cpu`` for a dry run, whose trainings have one epoch and whose images may be any.
        images: Training images of an epoch.
        seeds: Number of seeds of the trainings to an accuracy.
        configs: Names of configs whose epochs and memory are measured.
    """

    device: str
    images: int
    seeds: int
    configs: tuple[str, ...]

    @property
    def is_dry_run(self) -> bool:
        """Whether the stages are only tried."""
        return self.device == "cpu"

    @property
    def fit_arguments(self) -> list[str]:
        """Arguments of ``fit`` that all trainings share."""
        arguments = ["--trainer.accelerator", self.device, "--trainer.enable_model_summary", "false"]
        arguments += ["--report", "false", "--live_pictures", "false"]
        return arguments + (["--data.verify", "false"] if self.is_dry_run else [])

    def as_json(self) -> str:
        """The settings for another process."""
        return json.dumps(asdict(self))


def print_row(what: str, result: str, **values: Any) -> None:
    """Print a result.

    Args:
        what: What was measured.
        result: The result as text.
        values: The result as numbers.
    """
    print(ROW + json.dumps({"what": what, "result": result, "values": values}), flush=True)


def read_rows(output: str) -> list[dict[str, Any]]:
    """The rows in the output of a stage; a last line that was cut off is left out."""
    lines = [line.removeprefix(ROW) for line in output.splitlines(keepends=True) if line.startswith(ROW)]
    return [json.loads(line) for line in lines if line.endswith("\n")]


def number_format(settings: Settings) -> None:
    """The chosen number format, the probe, and what both formats reach in a matrix product and in the CNN."""
    chosen = choose_number_format(None, settings.device)
    print_row("chosen", f"{chosen.short}: {chosen.reason}", precision=chosen.precision)
    probe = measure(settings.device)
    text = f"bf16 is {probe.speedup:g} times as fast as float32 and {'right' if probe.agrees else 'wrong'}"
    print_row("probe, a convolution", text, speedup=probe.speedup, agrees=probe.agrees)
    formats = {FLOAT32: torch.float32, BF16: torch.bfloat16}
    if settings.is_dry_run:  # bf16 is a hundred times slower on many CPUs
        formats = {chosen.precision: formats[chosen.precision]}
    for precision, dtype in formats.items():
        operations = measure_peaks(settings.device, dtype).operations
        text = f"{operations / 1e12:,.2f} TFLOP/s"
        print_row(f"matrix product, {short_precision(precision)}", text, flop_per_second=operations)
    _warm_up(settings, "cnn")
    for precision in formats:
        rate = _one_epoch(settings, "cnn", "--trainer.precision", precision)["images_per_second"]
        print_row(f"cnn, {short_precision(precision)}", _rate(rate), images_per_second=rate)


def memory(settings: Settings) -> None:
    """Peak memory of an epoch of each config: allocated on the GPU; in a dry run, of the process so far."""
    for config in settings.configs:
        gc.collect()  # the last training's model
        if not settings.is_dry_run:
            torch.cuda.reset_peak_memory_stats()
        _one_epoch(settings, config)
        peak = _process_bytes() if settings.is_dry_run else torch.cuda.max_memory_allocated()
        print_row(config, f"{peak / 2**20:,.0f} MiB", bytes=peak)


def accuracy(settings: Settings, config: str) -> None:
    """Test accuracy and training time of a config over seeds, after one epoch to warm up."""
    _warm_up(settings, config)
    runs = []
    for seed in range(settings.seeds):
        metrics = _fit(settings, config, "--seed_everything", str(seed))
        runs.append({key: metrics[key] for key in ("train_seconds", "compile_seconds", "epochs", "precision")})
        runs[-1]["test"] = metrics["test"]["acc"]
        text = f"test {runs[-1]['test']:.4f}, training {runs[-1]['train_seconds']:.2f} s"
        print_row(f"seed {seed}", text + f", before it {runs[-1]['compile_seconds']:.2f} s", **runs[-1])
    test, seconds = ([run[key] for run in runs] for key in ("test", "train_seconds"))
    target = TARGETS[config]
    reached = "reached" if statistics.mean(test) >= target else "not reached"
    text = f"test {mean_and_sd(test)}, training {mean_and_sd(seconds, '.2f')} s; target {target} {reached}"
    print_row(f"n = {len(runs)}, {runs[0]['epochs']} epochs, {runs[0]['precision']}", text, target=target)


def steps(settings: Settings) -> None:
    """Throughput of small and large steps: several per call, compiled, captured."""
    ways = {f"{count} steps per call": ["--steps_per_execution", str(count)] for count in STEPS}
    most = ["--steps_per_execution", str(max(STEPS))]
    ways["compiled"] = [*most, *COMPILE]
    if not settings.is_dry_run:
        ways |= {"captured": [*most, *CAPTURE], "compiled and captured": [*most, *COMPILE, *CAPTURE]}
    for config in (config for config in OF_A_STEP if config in settings.configs):
        _warm_up(settings, config)
        for name, arguments in ways.items():
            _attempt(settings, config, name, arguments)


def epochs(settings: Settings) -> None:
    """Seconds of an epoch of each config against the usual way; both in turn, each after one epoch to warm up."""
    common = [str(settings.images), *settings.fit_arguments]
    here = EpochProcess("here", "project_fit", *common)
    usual = EpochProcess("usual way", "default_lightning", *common)
    for config in settings.configs:
        for _ in range(2):
            seconds, usual_seconds = (process.train_epoch("--config", f"{config}.yaml") for process in (here, usual))
        text = f"{seconds:.2f} s, {_rate(settings.images / seconds)}; usual way {usual_seconds:.2f} s: "
        ratio = seconds / usual_seconds
        print_row(config, f"{text}{ratio:.3f} of its time", seconds=seconds, usual_seconds=usual_seconds, ratio=ratio)
    for process in (here, usual):
        process.close()


STAGES: dict[str, Callable[[Settings], None]] = {
    "number_format": number_format,
    "memory": memory,
    "fast": lambda settings: accuracy(settings, "fast"),
    "fast_gpu": lambda settings: accuracy(settings, "fast_gpu"),
    "steps": steps,
    "epochs": epochs,
}


def _fit(settings: Settings, config: str, *arguments: str) -> dict[str, Any]:
    """Train in this process; the run's files are not kept."""
    limit = [] if settings.images == ALL_IMAGES else ["--data.train_limit", str(settings.images)]
    few = ["--trainer.max_epochs", "1"] if settings.is_dry_run else []
    # TensorBoard may still write its events when the folder is removed
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        where = ["--trainer.default_root_dir", folder]
        return train(["fit", "--config", f"{config}.yaml", *settings.fit_arguments, *limit, *few, *where, *arguments])


def _one_epoch(settings: Settings, config: str, *arguments: str) -> dict[str, Any]:
    """Train one epoch without validation and without a test."""
    one_epoch = ["--trainer.max_epochs", "1", "--test_after_fit", "false", "--data.val_fraction", "0"]
    return _fit(settings, config, *one_epoch, *arguments)


def _warm_up(settings: Settings, config: str) -> None:
    """Let the device load the kernels of a config."""
    _one_epoch(settings, config)


def _attempt(settings: Settings, config: str, name: str, arguments: list[str]) -> None:
    """Print the throughput of an epoch, or why it failed: the next one runs all the same."""
    what = f"{config}, {name}"
    try:
        metrics = _one_epoch(settings, config, *arguments)
    except Exception as error:
        print_row(what, f"failed: {' '.join(str(error).split())[:200]}")
        return
    rate, seconds = metrics["images_per_second"], metrics["compile_seconds"]
    before = f", before it {seconds:.1f} s" if seconds else ""
    print_row(what, _rate(rate) + before, images_per_second=rate, compile_seconds=seconds)


def _rate(images_per_second: float) -> str:
    return f"{images_per_second:,.0f} images/s"


def _process_bytes() -> int:
    (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kib) * 2**10


if __name__ == "__main__":
    name, text = sys.argv[1:]
    values = json.loads(text)
    STAGES[name](Settings(**values | {"configs": tuple(values["configs"])}))
