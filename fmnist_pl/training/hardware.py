"""Choose the device and the number of threads, and prepare the process for them."""

import ctypes
import math
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt`` (malloc.h)."""
SHORT_STEP = 1e8
"""Floating-point operations of a step: about 1 ms of one core, as much as the rest of a step takes.

Below it more threads gain little on an idle machine, and lose much on a busy one: they wait for each other.
"""
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of CPU time per period of microseconds that a container may use (cgroup v2), or ``max``."""


class Threads(NamedTuple):
    """A number of CPU threads, and why it was selected."""

    number: int
    reason: str


def choose_device_type(accelerator: str) -> str:
    """The type of device that Lightning selects for ``trainer.accelerator``: ``cuda``, ``mps``, ``cpu`` or another."""
    if accelerator in ("auto", "gpu"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    return accelerator


def has_bfloat16(device_type: str) -> bool:
    """Whether the device computes in bfloat16 itself, as its flags say; not whether that is faster."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def available_cores() -> int:
    """Cores that this process may use: those of its affinity, and no more than the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text().split()
        return min(cores, max(math.ceil(int(quota) / int(period)), 1))
    except (OSError, ValueError):  # no container, or one without a quota
        return cores


def processes_of(devices: Any, device_type: str) -> int:
    """Number of processes on this machine for ``trainer.devices``: a count, a list, or words for all GPUs."""
    if isinstance(devices, list) or "," in str(devices):
        return len(devices if isinstance(devices, list) else [each for each in devices.split(",") if each.strip()])
    if str(devices).isdecimal():
        return max(int(devices), 1)
    return max(torch.cuda.device_count(), 1) if device_type == "cuda" else 1


def choose_threads(asked: int | None, device_type: str, processes: int, step_flops: Callable[[], int]) -> Threads:
    """Choose the number that the user asks for, else one for short steps on a CPU, else this process's share.

    Args:
        asked: ``threads``; ``None`` to choose.
        device_type: ``cpu``, ``cuda`` or another.
        processes: Number of processes of the training on this machine.
        step_flops: Returns the floating-point operations of a training step.
    """
    if asked is not None:
        return Threads(asked, "as given")
    share = min(torch.get_num_threads(), max(available_cores() // processes, 1))
    if device_type == "cpu" and share > 1:
        operations = step_flops()
        if operations < SHORT_STEP:
            return Threads(1, f"a step is short, {operations / 1e6:.0f} MFLOP")
    if processes > 1:
        return Threads(share, f"the cores shared by {processes} processes")
    return Threads(share, "as OMP_NUM_THREADS says" if "OMP_NUM_THREADS" in os.environ else "all cores")


@contextmanager
def cpu_threads(number: int) -> Iterator[None]:
    """Compute with this many threads within the block, in this process and those that it starts."""
    before, named = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(number)
    os.environ["OMP_NUM_THREADS"] = str(number)  # without it, Lightning selects a number for several processes
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if named is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = named


def device_name(device: torch.device) -> str:
    """The model of a GPU, or of the CPU with the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.cpu.get_capabilities().get('cpu_name') or platform.machine()}, {torch.get_num_threads()} threads"


def keep_freed_memory() -> None:
    """Keep the memory that tensors free in this process, instead of returning it and faulting it in at each step.

    On a CPU the CNN then trains on 1.2 times as many images per second (benchmarks/once/freed_memory.py). Without
    glibc's malloc, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def look_for_gpus_once() -> None:
    """Without a GPU, keep torch from searching NVIDIA's library at each optimizer step, which takes 0.13 ms.

    Lightning requests that search, so that processes can be forked before CUDA starts.
    """
    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
