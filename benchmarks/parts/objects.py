"""A config's network, data and optimizer, without a training."""

from typing import Any

from lightning import Trainer

from fmnist_pl.training.command_line import CommandLine
from fmnist_pl.training.run import silence_the_expected


class Objects(CommandLine):
    """Makes the objects of ``fit`` and stops there."""

    def __init__(self, arguments: list[str]) -> None:
        silence_the_expected()
        super().__init__(arguments)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        return Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)

    def _run_subcommand(self, subcommand: str) -> None:
        pass
