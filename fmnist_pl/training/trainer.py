"""Make the trainer of a command, and name the key of the config that it refuses."""

import inspect
import os
import warnings
from typing import Any

from lightning import Trainer

from fmnist_pl.errors import UserError
from fmnist_pl.training.cluster import check_processes, cluster_plugins
from fmnist_pl.training.hardware import choose_device_type

PLAIN = (str, int, float)


def make_trainer(arguments: dict[str, Any]) -> Trainer:
    """Make a trainer.

    Args:
        arguments: Of Lightning's Trainer, with a list of plugins.

    Raises:
        UserError: It refuses an argument, there would be more processes than cores, or Slurm or torchrun started more
            processes than it uses.
    """
    devices, cores = str(arguments["devices"]), os.cpu_count() or 1
    if choose_device_type(str(arguments["accelerator"])) == "cpu" and devices.isdecimal() and int(devices) > cores:
        raise UserError(f"trainer.devices: got {devices} processes on the CPU; give 1 to {cores}, the number of cores")
    arguments = arguments | {"plugins": [*arguments["plugins"], *cluster_plugins(arguments["plugins"])]}
    try:
        trainer = _trainer(arguments)
    except Exception as error:
        refused = _refused(arguments)
        if refused is None:
            raise
        raise UserError(f"{refused} {' '.join(str(error).split())}") from error
    check_processes(trainer)
    return trainer


def _trainer(arguments: dict[str, Any]) -> Trainer:
    """A trainer with lists of its own, to which it adds callbacks even if it then refuses an argument."""
    return Trainer(**{name: list(value) if isinstance(value, list) else value for name, value in arguments.items()})


def _refused(arguments: dict[str, Any]) -> str | None:
    """The key whose default value mends the trainer, and its value if it is plain; the beginning of a message.

    Returns:
        ``trainer`` if several keys together are refused; ``None`` if the reason is not a key.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(Trainer).parameters.items()}
    changed = {name: defaults[name] for name, value in arguments.items() if value != defaults[name]}
    for name, default in changed.items():
        if _is_accepted(arguments | {name: default}):
            value = arguments[name]
            return f"trainer.{name}:" + (f" got {value};" if isinstance(value, PLAIN) else "")
    return "trainer:" if _is_accepted(arguments | changed) else None


def _is_accepted(arguments: dict[str, Any]) -> bool:
    with warnings.catch_warnings(action="ignore"):
        try:
            _trainer(arguments)
        except Exception:
            return False
    return True
