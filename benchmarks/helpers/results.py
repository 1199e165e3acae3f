"""Figures of a benchmark, in words and as a file that names the machine."""

import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

import torch

from fmnist_pl.files import replacing
from fmnist_pl.training.hardware import choose_precision, device_name


def machine(device_type: str | None = None) -> dict[str, Any]:
    """Device (by default the fastest), cores, number format and versions; ``text`` says them in a line."""
    device = torch.device(device_type or ("cuda" if torch.cuda.is_available() else "cpu"))
    facts = {
        "device": device_name(device),
        "cores": os.cpu_count(),
        "precision": choose_precision(device.type),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    text = f"{facts['device']}, {facts['cores']} cores, {facts['precision']}, torch {facts['torch']}"
    return facts | {"text": text}


def mean_and_sd(values: list[float], digits: int = 4, sign: str = "") -> str:
    """``0.9274 ± 0.0019``: the standard deviation is that of a sample (n - 1), left out for one value.

    Args:
        values: One at least.
        digits: After the point.
        sign: ``+`` for a difference.
    """
    sd = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.{digits}f}{sd}"


def write_json(path: str, figures: dict[str, Any], device_type: str | None = None) -> None:
    """Write figures and machine, making the folder."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(path)) as file:
        json.dump({"machine": machine(device_type), **figures}, file, indent=2)
        file.write("\n")
