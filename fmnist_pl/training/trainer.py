"""Make the trainer of a command, and name the key of the config that it refuses."""

import inspect
import os
import warnings
from typing import Any

from lightning import Trainer

from fmnist_pl.errors import UserError
from fmnist_pl.training.hardware import choose_device_type


def make_trainer(arguments: dict[str, Any]) -> Trainer:
    """Make a trainer.

    Args:
        arguments: Of Lightning's Trainer.

    Raises:
        UserError: It refuses an argument, or there would be more processes than cores.
    """
    devices, cores = str(arguments["devices"]), os.cpu_count() or 1
    if choose_device_type(str(arguments["accelerator"])) == "cpu" and devices.isdecimal() and int(devices) > cores:
        raise UserError(f"trainer.devices: got {devices} processes on the CPU; give 1 to {cores}, the number of cores")
    try:
        return Trainer(**arguments)
    except Exception as error:
        key = _refused_key(arguments)
        if key is None:
            raise
        raise UserError(f"{key}; {' '.join(str(error).split())}") from error


def _refused_key(arguments: dict[str, Any]) -> str | None:
    """The key whose default value mends the trainer, with its value.

    Returns:
        ``trainer`` if several keys together are refused; ``None`` if the reason is not a key of the user's.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(Trainer).parameters.items()}
    changed = {name: defaults[name] for name, value in arguments.items() if value != defaults[name]}
    for name, default in changed.items():
        if _is_accepted(arguments | {name: default}):
            return f"trainer.{name}: got {arguments[name]}"
    return "trainer: these keys do not go together" if _is_accepted(arguments | changed) else None


def _is_accepted(arguments: dict[str, Any]) -> bool:
    with warnings.catch_warnings(action="ignore"):
        try:
            Trainer(**arguments)
        except Exception:
            return False
    return True
