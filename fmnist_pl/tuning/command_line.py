"""Command line of tune.py: the keys of `Search`, from a file, then from flags."""

import dataclasses
import os
from typing import Any, NoReturn

from jsonargparse import Namespace

from fmnist_pl.config import CONFIG_FOLDER, find_config, read_yaml
from fmnist_pl.console import OneLineErrorParser, read_value
from fmnist_pl.errors import UserError
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.storage import ADDRESS, hide_passwords

SEARCH_FOLDER = CONFIG_FOLDER / "search"
DEFAULT_SEARCH = "cnn.yaml"
DESCRIPTION = "Search the keys of a training config with Optuna: python tune.py --n-trials 50 --config cnn.yaml"
STORAGE_VARIABLE = "FMNIST_STORAGE"  # keeps a password out of the command line, which every user can see
MAPPINGS = ("overrides", "refit_overrides", "space")
"""Keys that hold dotted keys: ``--overrides.trainer.max_epochs 1`` adds one to those of the file."""


def parse(arguments: list[str]) -> Search:
    """Read a search from the command line.

    Args:
        arguments: Without the program's name; ``--n-trials`` and ``--n_trials`` are equivalent.

    Returns:
        The search; without ``--storage``, its storage is that of the environment variable FMNIST_STORAGE.

    Raises:
        UserError: A file is missing, or a key or value is not valid.
    """
    arguments, added = _separate_dotted(_split(arguments))
    if not {"--config", "-c", "--base"} & set(arguments):
        arguments = ["--config", DEFAULT_SEARCH, *arguments]
    names = []
    for place, argument in enumerate(arguments[:-1]):
        if argument in ("--config", "-c"):
            path = find_config(arguments[place + 1], SEARCH_FOLDER)
            read_yaml(path, "search")  # within the limits of files from others; the parser has none
            arguments[place + 1] = str(path)
            names.append(path.stem)
    parser = _parser(names[0] if names else None)
    try:
        values = _values(parser, parser.parse_args(arguments))
    except RecursionError as error:
        raise UserError("a value on the command line has too many brackets within brackets") from error
    for mapping, keys in added.items():
        values[mapping] |= keys
    values["storage"] = values["storage"] or os.environ.get(STORAGE_VARIABLE) or None
    return Search(**values)


def check(arguments: list[str]) -> None:
    """Check what needs no torch: the keys of the search, and that its base config exists.

    Args:
        arguments: Without the program's name.

    Raises:
        UserError: A file is missing, or a key or value is not valid.
    """
    find_config(parse(arguments).base)


def search_from(keys: dict[str, Any]) -> Search:
    """Make a search from keys and values as a file holds them.

    Raises:
        UserError: A key or value is not valid.
    """
    parser = _parser(None)
    return Search(**_values(parser, parser.parse_object(keys)))


class SearchParser(OneLineErrorParser):
    """Parser of the keys of a search, whose errors show no password."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if 'key "storage"' in message:
            raise UserError(f"storage is not a database address: {ADDRESS}") from ex
        super().error(hide_passwords(message), ex)


def _parser(study_name: str | None) -> SearchParser:
    parser = SearchParser(description=DESCRIPTION, prog="tune.py")
    parser.add_argument("-c", "--config", action="config", help="Search file, as given or in configs/search/.")
    parser.add_class_arguments(Search, None)
    parser.set_defaults(study_name=study_name)
    return parser


def _values(parser: SearchParser, parsed: Any) -> dict[str, Any]:
    if parsed.limits is None:
        parsed.limits = Namespace()
    if not isinstance(parsed.limits, Namespace):  # the parser checks it only if it is a mapping
        raise UserError(f"limits is {str(parsed.limits)[:40]}: give parameters, flops or both, each with its limit")
    values: dict[str, Any] = parser.instantiate(parsed).as_dict()
    del values["config"]
    for field in dataclasses.fields(Search):  # the parser takes null for every key
        if values[field.name] is None and field.default is not None:
            raise UserError(f"{field.name}: got null; leave it out for its default")
    return values


def _split(arguments: list[str]) -> list[str]:
    """Write ``--n-trials=5`` as ``--n_trials`` and ``5``."""
    split: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if not option.startswith("--"):
            split += [option, value] if option == "-c" and equals else [argument]
            continue
        first, dot, rest = option[2:].partition(".")
        split += [f"--{first.replace('-', '_')}{dot}{rest}", *([value] if equals else [])]
    return split


def _separate_dotted(arguments: list[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Separate the flags that add a key to one of the mappings from all others."""
    others: list[str] = []
    added: dict[str, dict[str, Any]] = {}
    rest = iter(arguments)
    for argument in rest:
        mapping, dot, key = argument.removeprefix("--").partition(".")
        if not dot or not argument.startswith("--") or mapping not in MAPPINGS:
            others.append(argument)
            continue
        value = next(rest, None)
        if value is None:
            raise UserError(f"{argument} lacks its value")
        added.setdefault(mapping, {})[key] = read_value(value)
    return others, added
