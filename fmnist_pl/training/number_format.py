"""Choose the number format of a training. On a CPU, bf16 is selected only if it is faster there, and right.

A CPU's flags do not say so: with the same flags, one computes convolutions in bf16 1.8 times as fast as in float32,
another 0.7 times as fast. A convolution like the networks' own is timed once and its result is kept in the
user's cache folder, so that the choice is the same in every later run.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor

from fmnist_pl.atomic_files import replacing
from fmnist_pl.errors import UserError
from fmnist_pl.training.hardware import cpu_threads, has_bfloat16

FLOAT32, BF16 = "32-true", "bf16-mixed"
ALIASES = {"64": "64-true", "32": FLOAT32, "16": "16-mixed", "bf16": BF16}  # that Lightning accepts
LEAST_SPEEDUP = 1.2  # of bf16 over float32
CHANNELS, SIDE, KERNEL = 32, 28, 3  # of the convolution: the second layer of cnn.yaml
IMAGES = {"cpu": 8, "cuda": 256}  # by device type: enough to be busy
MOST_ROUNDS, SECONDS_OF_ROUNDS = 20, 0.12
SECONDS_FOR_LOCK = 30.0
FINE_CLOCK = 1e-5  # seconds; the CPU time of a thread is that fine on Linux and macOS
LARGEST_FILE = 1_000  # bytes of a kept measurement


class NumberFormat(NamedTuple):
    """A number format, and why it was selected."""

    precision: str
    """As Lightning names it: ``32-true``, ``bf16-mixed`` and others."""
    reason: str

    @property
    def short(self) -> str:
        """The field's name: ``float32``, ``bf16``, ``fp16``."""
        return short_precision(self.precision)


@dataclass(frozen=True)
class Measurement:
    """Comparison of bf16 with float32 on a device."""

    speedup: float
    """Seconds in float32 / seconds in bf16."""
    agrees: bool
    """Whether the results differ by no more than rounding explains."""


def choose_number_format(asked: str | int | None, device_type: str, machines: int = 1) -> NumberFormat:
    """Choose the format that the user asks for, else the faster one.

    A GPU that computes in bf16 uses it without a measurement: GPUs have twice as many operations per second for it as
    for TF32. A training on several machines measures nothing, since all of them must choose the same.

    Args:
        asked: ``trainer.precision``; ``None`` to choose.
        device_type: ``cpu``, ``cuda`` or another.
        machines: Number of machines of the training.
    """
    device = {"cpu": "this CPU", "cuda": "this GPU"}.get(device_type, device_type)
    if asked is not None:
        precision = ALIASES.get(str(asked), str(asked))
        is_slow = precision.startswith("bf16") and not has_bfloat16(device_type)
        return NumberFormat(precision, f"as given, slow: {device} has no bf16" if is_slow else "as given")
    if not has_bfloat16(device_type):
        return NumberFormat(FLOAT32, f"{device} has no bf16")
    if device_type != "cpu":
        return NumberFormat(BF16, f"{device} computes in it")
    if machines > 1:
        return NumberFormat(FLOAT32, "bf16 is not measured for a training on several machines")
    measured = kept_measurement()
    if measured is None:
        return NumberFormat(FLOAT32, "a measurement of bf16 cannot be kept; set XDG_CACHE_HOME to a writable folder")
    if not measured.agrees:
        return NumberFormat(FLOAT32, f"convolutions in bf16 fail or are wrong on {device}")
    if measured.speedup >= LEAST_SPEEDUP:
        return NumberFormat(BF16, f"{measured.speedup:g} times as fast as float32 on {device}")
    return NumberFormat(FLOAT32, f"bf16 is {measured.speedup:g} times as fast on {device}")


def short_precision(precision: str) -> str:
    """The field's name for Lightning's name of a precision: ``bf16``, ``fp16``, ``float32``."""
    return {BF16: "bf16", "16-mixed": "fp16", FLOAT32: "float32", "64-true": "float64"}.get(precision, precision)


def kept_measurement() -> Measurement | None:
    """The measurement of this CPU with this version of torch.

    It is made once, by one process at a time, and kept in a file, so that the choice is the same in every run and in
    every process of a training. Delete the file to measure anew.

    Returns:
        ``None`` if it cannot be kept: the choice could then change from run to run.
    """
    try:
        path = _path()
        kept = _read(path)
        if kept is not None:
            return kept
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=SECONDS_FOR_LOCK):
            kept = _read(path)  # by a process that was first
            if kept is None:
                kept = measure("cpu")
                with replacing(path) as file:
                    json.dump(asdict(kept) | {"torch": torch.__version__}, file)
        return kept
    except (OSError, RuntimeError, UserError):  # no home folder, not writable, no locks
        return None


def measure(device_type: str) -> Measurement:
    """Compare a convolution, forward and backward, in bf16 and in float32, in less than 0.3 s on a CPU.

    The two formats take turns and the shortest time of each counts. A CPU is measured on one thread, by the time that
    the thread computes: other processes then hardly change the result. With two threads beside eight busy processes,
    two measurements of one CPU gave 0.57 and 1.47; with one thread, 0.24 and 0.25.
    """
    images, weight, gradient = _inputs(device_type)
    inputs = [(images.to(dtype), weight, gradient.to(dtype)) for dtype in (torch.float32, torch.bfloat16)]
    is_fine = time.get_clock_info("thread_time").resolution < FINE_CLOCK
    clock = time.thread_time if device_type == "cpu" and is_fine else time.perf_counter
    try:
        with cpu_threads(1):
            high, low = (_convolve(*each) for each in inputs)
            agrees = _agrees(high, low, images, weight, gradient)
            float32, bf16 = _least_seconds([partial(_convolve, *each) for each in inputs], clock)
    except RuntimeError:  # torch's kernels refuse it
        return Measurement(0.0, agrees=False)
    return Measurement(round(float32 / bf16, 2), agrees)


def _inputs(device_type: str) -> tuple[Tensor, Tensor, Tensor]:
    """Images, weights, and a gradient of the output: float32 numbers that bf16 holds exactly, in channels_last."""
    generator = torch.Generator().manual_seed(0)  # its own, since a run's random numbers must not depend on it

    def numbers(*shape: int) -> Tensor:
        exact = torch.randn(shape, generator=generator).bfloat16().float()
        return exact.to(device_type, memory_format=torch.channels_last)

    maps = (IMAGES[device_type], CHANNELS, SIDE, SIDE)
    return numbers(*maps), numbers(CHANNELS, CHANNELS, KERNEL, KERNEL), numbers(*maps)


def _convolve(images: Tensor, weight: Tensor, gradient: Tensor) -> list[Tensor]:
    """Output, gradient of the images and gradient of the weights, as a training computes them in the images' dtype."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    is_bf16 = images.dtype == torch.bfloat16
    with torch.enable_grad(), torch.autocast(images.device.type, torch.bfloat16, enabled=is_bf16):
        output = F.conv2d(images, weight, padding=KERNEL // 2)
    results = [output, *torch.autograd.grad(output, (images, weight), gradient)]
    if images.is_cuda:
        torch.cuda.synchronize()
    return [result.detach() for result in results]


def _agrees(float32: list[Tensor], bf16: list[Tensor], *inputs: Tensor) -> bool:
    """Whether no number differs by more than rounding explains.

    Each result is a sum of n products. The inputs are bf16 numbers, so float32 holds the products exactly. A sum of n
    terms in float32 is wrong by at most n * 2^-24 times S, the sum of the products' absolute values (Higham, Accuracy
    and Stability of Numerical Algorithms, section 4.2), in both formats. The result in bf16 is rounded to 8 bits: by
    at most 2^-8 times its absolute value, which S bounds. Together: (2^-8 + 2n * 2^-24) * S.
    """
    lengths = [CHANNELS * KERNEL**2, CHANNELS * KERNEL**2, len(inputs[0]) * SIDE**2]
    sums = _convolve(*(each.abs() for each in inputs))
    return all(
        bool(((low.float() - high).abs() <= (2**-8 + 2 * length * 2**-24) * most).all())
        for high, low, most, length in zip(float32, bf16, sums, lengths, strict=True)
    )


def _least_seconds(works: list[Callable[[], object]], clock: Callable[[], float]) -> list[float]:
    """The shortest time of each piece of work; they take turns until enough rounds or seconds are over."""
    least, start = [math.inf] * len(works), clock()
    for _ in range(MOST_ROUNDS):
        for number, work in enumerate(works):
            begin = clock()
            work()
            least[number] = min(least[number], clock() - begin)
        if clock() - start > SECONDS_OF_ROUNDS:
            break
    return least


def _path() -> Path:
    """The file of the measurement, in the user's cache folder (XDG Base Directory Specification)."""
    asked = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = asked if asked.is_absolute() else Path.home() / ".cache"
    facts = [torch.cpu.get_capabilities(), torch.__version__]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return folder / "fmnist_pl" / f"number_format_{key}.json"


def _read(path: Path) -> Measurement | None:
    """A kept measurement; ``None`` if there is none, or the file is damaged."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(LARGEST_FILE))
        speedup, agrees = float(content["speedup"]), content["agrees"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    is_sound = isinstance(agrees, bool) and math.isfinite(speedup) and speedup >= 0
    return Measurement(speedup, agrees) if is_sound else None
