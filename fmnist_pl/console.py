"""A function as a command: its signature gives the options, its docstring their help."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from fmnist_pl.errors import UserError


def run(function: Callable[..., Any], name: str, skip: frozenset[str] | set[str] = frozenset()) -> int:
    """Run a function with the arguments of the command line.

    Args:
        function: Its annotated parameters are the options.
        name: What was typed, for the help.
        skip: Parameters that are no options.

    Returns:
        The exit code: 0, or 1 after an error that was told in one line.
    """
    parser = _Parser(prog=name)
    parser.add_function_arguments(function, skip=set(skip))
    try:
        function(**parser.instantiate_classes(parser.parse_args()).as_dict())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class _Parser(ArgumentParser):
    """Raises a UserError where jsonargparse prints the whole usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UserError(f"{' '.join(message.split())} (--help explains every option)") from ex


def exit_code_of(function: Callable[[], object]) -> int:
    """Run a command and print a UserError as one line.

    Returns:
        Exit code: 0, or 1 after an error.
    """
    try:
        function()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
