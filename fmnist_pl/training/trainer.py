"""Make the trainer of a command: within Slurm or torchrun too, and with the key named that it refuses."""

import inspect
import os
import warnings
from collections.abc import Sequence
from typing import Any

from lightning import Trainer
from lightning.fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment

from fmnist_pl.errors import UserError
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
    arguments = arguments | {"plugins": [*arguments["plugins"], *_cluster_plugins(arguments["plugins"])]}
    try:
        trainer = _trainer(arguments)
    except Exception as error:
        refused = _refused(arguments)
        if refused is None:
            raise
        raise UserError(f"{refused} {' '.join(str(error).split())}") from error
    _check_processes(trainer)
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


def _cluster_plugins(configured: Sequence[Any]) -> list[ClusterEnvironment]:
    """Within Slurm, its environment without Lightning's own requeue; an empty list elsewhere.

    Lightning's requeue saves in the middle of a step, in a file that all runs share, and lets the job run on.

    Args:
        configured: Plugins of the config, which may name an environment.

    Raises:
        UserError: Slurm's settings do not fit.
    """
    is_given = any(isinstance(plugin, ClusterEnvironment) for plugin in configured)
    if is_given or TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return []
    try:
        return [SLURMEnvironment(auto_requeue=False)]
    except RuntimeError as error:
        raise UserError(f"Slurm: {error}") from error


def _check_processes(trainer: Trainer) -> None:
    """Check that a run uses all of the processes that were started for it; else each would train alone.

    Raises:
        UserError: There are more processes.
    """
    for environment in (TorchElasticEnvironment, SLURMEnvironment):
        if environment.detect():
            started = environment().world_size()
            if started != trainer.world_size:
                raise UserError(
                    f"{started} processes were started, but this run uses {trainer.world_size}: give --trainer.devices "
                    "(processes per machine), --trainer.num_nodes and --trainer.strategy ddp; "
                    "a search takes one process per job"
                )
            return
