"""What to compute on and in which number format, unless the user says."""

import ctypes
import os
import platform

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt`` (malloc.h)."""


def choose_device_type(accelerator: str) -> str:
    """The kind of device that Lightning will take for ``trainer.accelerator``: ``cuda``, ``mps``, ``cpu`` or other."""
    if accelerator in ("auto", "gpu"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    return accelerator


def choose_precision(device_type: str) -> str:
    """``bf16-mixed`` where the device computes in bfloat16 itself, else ``32-true``."""
    return "bf16-mixed" if _has_bfloat16(device_type) else "32-true"


def short_precision(precision: str) -> str:
    """Lightning's name of a precision as the field says it: ``bf16``, ``fp16``, ``float32``."""
    return {"bf16-mixed": "bf16", "16-mixed": "fp16", "32-true": "float32", "64-true": "float64"}.get(
        precision, precision
    )


def device_name(device: torch.device) -> str:
    """The model of a GPU, or of the CPU and how many of its cores this process may use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.cpu.get_capabilities().get('cpu_name') or platform.machine()}, {torch.get_num_threads()} threads"


def keep_freed_memory() -> None:
    """Let this process keep the memory that tensors free, instead of giving it back and faulting it in anew each step.

    On a CPU the CNN then trains on 1.2 times as many images a second (benchmarks/once/freed_memory.py). Where malloc is
    not glibc's, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def look_for_gpus_once() -> None:
    """Where there is no GPU, keep torch from looking for NVIDIA's library at each optimizer step: 0.13 ms each time.

    Lightning asks for that way of looking, so that processes can be forked before CUDA starts.
    """
    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


def _has_bfloat16(device_type: str) -> bool:
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
