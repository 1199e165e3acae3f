"""Results of a benchmark as text, and as a JSON file that names the machine."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from fmnist_pl.atomic_files import replacing
from fmnist_pl.training.hardware import device_name
from fmnist_pl.training.number_format import choose_number_format


def machine(device_type: str | None = None) -> dict[str, Any]:
    """Describe the machine: device, cores, precision, versions; ``text`` is all of it in one line.

    Args:
        device_type: ``cuda`` or ``cpu``; by default the GPU if there is one.
    """
    device = torch.device(device_type or ("cuda" if torch.cuda.is_available() else "cpu"))
    number_format = choose_number_format(None, device.type)
    facts = {
        "device": device_name(device),
        "cores": os.cpu_count(),
        "precision": number_format.precision,
        "precision_reason": number_format.reason,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    precision = f"{facts['precision']} ({facts['precision_reason']})"
    text = f"{facts['device']}, {facts['cores']} cores, {precision}, torch {facts['torch']}"
    return facts | {"text": text}


def write_json(path: str, results: dict[str, Any], device_type: str | None = None) -> None:
    """Write the machine and the results as JSON, create the folder, and print the path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(path)) as file:
        json.dump({"machine": machine(device_type), **results}, file, indent=2)
        file.write("\n")
    print(f"results: {path}")
