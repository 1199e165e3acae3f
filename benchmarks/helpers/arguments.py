"""Command-line arguments of the benchmarks: checked before anything runs, errors in one line."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from fmnist_pl.console import HELP, exit_code_of
from fmnist_pl.training.commands import quiet_lightning
from fmnist_pl.training.options import resolve_config


class Parser(argparse.ArgumentParser):
    """Argument parser that shows a module's docstring as its help and tells an error in one line."""

    def __init__(self, description: str | None) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} {HELP}\n")


def positive_int(text: str) -> int:
    """Parse a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def program(text: str) -> str:
    """Check that a program exists, such as the Python of another environment."""
    if shutil.which(text) is None:
        raise argparse.ArgumentTypeError(f"there is no program {text}")
    return text


def fit_arguments(config: str, changes: Iterable[str] = ()) -> list[str]:
    """Return the arguments of ``fit`` for a config with some keys changed, after parsing them once.

    Args:
        config: Name or path of a config.
        changes: ``key=value`` pairs.

    Raises:
        UserError: The config does not exist, or a key or value is wrong.
    """
    arguments = ["--config", config, *(f"--{change}" for change in changes)]
    resolve_config(["fit", *arguments])
    return arguments


def run(main: Callable[[], None]) -> NoReturn:
    """Run a benchmark's main function and end the program; a UserError is reported in one line."""
    quiet_lightning()
    sys.exit(exit_code_of(main))
