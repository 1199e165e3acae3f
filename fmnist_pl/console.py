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

    def run_typed() -> None:
        function(**parser.instantiate_classes(parser.parse_args()).as_dict())

    parser = OneLineErrorParser(prog=name)
    parser.add_function_arguments(function, skip=set(skip))
    return exit_code_of(run_typed)


def exit_code_of(function: Callable[[], Any]) -> int:
    """Call a function and return an exit code: 0, 1 after a `UserError` (printed in one line), 130 after Ctrl-C."""
    try:
        function()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class OneLineErrorParser(ArgumentParser):
    """Parser that raises a UserError where jsonargparse prints the whole usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if isinstance(ex, UserError):
            raise ex
        raise UserError(f"{' '.join(message.split())} (--help explains every option)") from ex
