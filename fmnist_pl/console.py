"""What every command of the project shares: parsers and exit codes that report a user's mistake in one line."""

import errno
import re
import sys
import threading
from argparse import ArgumentError
from collections.abc import Callable
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser, get_loader, set_loader

from fmnist_pl.config import check_yaml
from fmnist_pl.errors import DISK_ERRORS, StoppedError, UserError
from fmnist_pl.foreign_text import printable
from fmnist_pl.start_up import exit_code_of_signal

HELP = "(--help explains every option)"
UNION = re.compile(
    r'Parser key "(?P<key>[^"]+)": .*?Does not validate against any of the Union subtypes Subtypes: .*? '
    r"Errors: (?P<errors>.*?) Given value type: .*? Given value: (?P<value>.*)$"
)
SUBJECT = re.compile(r'Parser key "([^"]+)": ')
NESTED = re.compile(r'Parser key "([^"]+)": Parser key "([^"]+)": ')
CLASS = re.compile(
    r"Problem with given class_path '[^']+': |Type [\w.]+\[.*?\] expects a function or a callable class: "
    r"| Subclass types expect one of: .*? \(implicit class_path\)"
)
"""What jsonargparse adds to the reason why a class of a config is not accepted."""


SHORT = 200
"""Characters of a text that is neither deep nor long: its check would cost more than reading it."""

_load_unchecked = get_loader("yaml")


def _load_yaml(text: str) -> Any:
    """Read YAML as jsonargparse does, within the limits of `check_yaml`; it reads every file and every value so."""
    if len(text) > SHORT or "&" in text:
        check_yaml(text, "an option or a config")
    try:
        return _load_unchecked(text)
    except ValueError as error:  # a number of thousands of digits
        raise yaml.YAMLError(str(error)) from error


def read_value(text: str) -> Any:
    """The value of a flag as plain data: YAML, or the text itself if it is none.

    Raises:
        UserError: `check_yaml` refuses it.
    """
    try:
        return _load_yaml(text)
    except yaml.YAMLError:
        return text


set_loader("yaml", _load_yaml, (yaml.YAMLError,))


class OneLineErrors:
    """For parsers of jsonargparse: raises a UserError instead of printing the usage."""

    exit_on_error: bool

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if isinstance(ex, UserError):
            raise ex
        if not self.exit_on_error:  # the parser of a class within a config: the outer one adds its key
            raise ArgumentError(None, message) from ex
        raise UserError(f"{shorten(message)} {HELP}") from ex


class OneLineErrorParser(OneLineErrors, ArgumentParser):
    """A parser whose errors are UserErrors of one line."""


def run(function: Callable[..., Any], name: str, skip: frozenset[str] | set[str] = frozenset()) -> int:
    """Run a function with the arguments of the command line.

    Args:
        function: Its annotated parameters are the options, its docstring is their help.
        name: The command as typed, for the help.
        skip: Parameters that are not options.

    Returns:
        The exit code of `exit_code_of`.
    """
    parser = OneLineErrorParser(prog=name)
    parser.add_function_arguments(function, skip=set(skip))
    return exit_code_of(lambda: function(**parser.instantiate(parser.parse_args()).as_dict()))


def exit_code_of(function: Callable[[], object]) -> int:
    """Call a function and report a user's mistake in one line.

    Returns:
        0; 1 after a UserError, an error of the disk or a path that is too long; 128 and the signal's number if one
        stopped it.
    """
    try:
        function()
    except UserError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return exit_code_of_signal() if isinstance(error, StoppedError) else 1
    except OSError as error:
        name = printable(error.filename or "a file")
        if error.errno in DISK_ERRORS:
            reason = f"cannot write {name}: {error.strerror}; free some space or choose another folder"
        elif error.errno == errno.ENAMETOOLONG:
            reason = f"{name[:60]}...: a part of this path is too long; give at most 255 bytes"
        else:
            raise
        print(f"error: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        return exit_code_of_signal()
    return 0


def hide_disk_errors_of_threads() -> None:
    """Print no traceback for an error of the disk in a thread: TensorBoard raises it again where an event is logged."""
    print_error = threading.excepthook

    def unless_of_the_disk(failed: threading.ExceptHookArgs) -> None:
        if not (isinstance(failed.exc_value, OSError) and failed.exc_value.errno in DISK_ERRORS):
            print_error(failed)

    threading.excepthook = unless_of_the_disk


def shorten(message: str) -> str:
    """A message of jsonargparse without the types that it tried and the terms of programmers."""
    message = " ".join(message.replace(HELP, "").split())
    message = CLASS.sub("", message)
    while NESTED.search(message):
        message = NESTED.sub(r'Parser key "\1.\2": ', message)
    union = UNION.match(message)
    if union:
        tried = [text.strip() for text in re.split(r"(?:^| )- ", union["errors"]) if text.strip()]
        reasons = [text for text in tried if "NoneType" not in text] or tried
        plain = "Got value" not in union["errors"] and not re.match(r"\[?(\{|NestedArg|Namespace)", union["value"])
        said = "; or ".join(reasons).replace(":; or ", ": ")
        message = f"{union['key']}: {said}" + (f"; got {union['value']}" if plain else "")
        message = re.sub(r'^([\w.]+): Parser key "', r'Parser key "\1.', message)
    message = SUBJECT.sub(r"\1: ", message)
    message = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", message)
    message = re.sub(r"(?:typing\.)?Literal\[([^\]]+)\]", r"one of \1", message)
    message = re.sub(r"Expected an? (one of|int|float|bool|str)\b", r"expected \1", message)
    message = re.sub(r"\.? Got value: ", "; got ", message)
    return re.sub(r"; got \[?Namespace\(.*| Given value type: .*", "", message)
