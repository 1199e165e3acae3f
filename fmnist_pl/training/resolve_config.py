"""What a training would use, without training: every key of a config, resolved."""

from typing import Any

from fmnist_pl.training.command_line import CommandLine


def resolve_config(args: list[str]) -> dict[str, Any]:
    """The complete config that ``train(args)`` would train, as nested plain data.

    Args:
        args: As on the command line, from ``fit`` on.

    Raises:
        UserError: A config is not there, or a key or value in it is not one.
    """
    return _ConfigOnly(args).plain_config


class _ConfigOnly(CommandLine):
    """Parses, and goes no further."""

    def instantiate_classes(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass
