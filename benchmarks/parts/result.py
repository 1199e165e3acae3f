"""Figures of a benchmark as a file that names the machine."""

import json
import os
import platform
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


def write_json(path: str, figures: dict[str, Any], device_type: str | None = None) -> None:
    """Write figures and machine, making the folder."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(path)) as file:
        json.dump({"machine": machine(device_type), **figures}, file, indent=2)
        file.write("\n")
