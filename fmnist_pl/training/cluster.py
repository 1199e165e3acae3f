"""Processes that Slurm or torchrun starts: how Lightning treats them, and whether there are as many as it expects."""

from collections.abc import Sequence
from typing import Any

from lightning import Trainer
from lightning.fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment

from fmnist_pl.errors import UserError


def cluster_plugins(configured: Sequence[Any]) -> list[ClusterEnvironment]:
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


def check_processes(trainer: Trainer) -> None:
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
