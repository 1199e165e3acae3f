"""What can be typed after tune.py: the keys of `Search`, from a file, then flags."""

from typing import Any

from jsonargparse import ArgumentParser
from lightning.pytorch.cli import LightningArgumentParser

from fmnist_pl.config import CONFIG_FOLDER, find_config
from fmnist_pl.errors import UserError
from fmnist_pl.training.options import OptionsParser as OneLineErrorParser
from fmnist_pl.tuning.search import Search

SEARCH_FOLDER = CONFIG_FOLDER / "search"
DEFAULT_SEARCH = "cnn.yaml"
DESCRIPTION = "Search the keys of a training config with Optuna: python tune.py --n-trials 50 --config cnn.yaml"


MAPPINGS = ("overrides", "refit_overrides", "space")
"""Keys that hold keys: ``--overrides.trainer.max_epochs 1`` adds one to those of the file."""


def parse(arguments: list[str]) -> Search:
    """The search that the arguments ask for.

    Args:
        arguments: As typed, without the program's name; ``--n-trials`` and ``--n_trials`` are the same.

    Raises:
        UserError: A config is not there, or a key or value is not one.
    """
    arguments, added = _take_out_dotted(_split(arguments))
    if not {"--config", "-c", "--base"} & set(arguments):
        arguments = ["--config", DEFAULT_SEARCH, *arguments]
    names = []
    for place, argument in enumerate(arguments[:-1]):
        if argument in ("--config", "-c"):
            path = find_config(arguments[place + 1], SEARCH_FOLDER)
            arguments[place + 1] = str(path)
            names.append(path.stem)
    parser = _parser(names[0] if names else None)
    values = parser.instantiate_classes(parser.parse_args(arguments)).as_dict()
    values.pop("config")
    for mapping, keys in added.items():
        values[mapping] |= keys
    return Search(**values)


def stages_of(search: Search) -> list[Search]:
    """The stages of a search, as searches of their own, in the folder of the whole.

    Raises:
        UserError: A key or value of a stage is not one.
    """
    own = {key: getattr(search, key) for key in Search.__dataclass_fields__}
    own |= {"stages": [], "overrides": {}, "refit": False}  # the whole's overrides are in the config they start from
    parser = _parser(None)
    parts = []
    for number, stage in enumerate(search.stages, 1):
        name = f"{search.name}-{number}-{stage.get('name', 'stage')}"
        keys = {key: value for key, value in stage.items() if key != "name"}
        try:
            values = parser.instantiate_classes(parser.parse_object(own | keys)).as_dict()
            values.pop("config")
            part = Search(**values | {"folder": search.home, "study_name": name})
            part.check()
        except UserError as error:
            raise UserError(f"stage {number}: {error}") from error
        parts.append(part)
    return parts


def _parser(name: str | None) -> LightningArgumentParser:
    parser = OneLineErrorParser(description=DESCRIPTION, prog="tune.py")
    parser.add_argument("-c", "--config", action="config", help="A search, as given or in configs/search/.")
    parser.add_class_arguments(Search, None)
    parser.set_defaults(study_name=name)
    return parser


def _split(arguments: list[str]) -> list[str]:
    """``--n-trials=5`` as ``--n_trials`` and ``5``."""
    split: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if not option.startswith("--"):
            split.append(argument)
            continue
        first, dot, rest = option[2:].partition(".")
        split += [f"--{first.replace('-', '_')}{dot}{rest}", *([value] if equals else [])]
    return split


def _take_out_dotted(arguments: list[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """The arguments without those of the mappings, and those."""
    reader = ArgumentParser(exit_on_error=False)
    reader.add_argument("--value", type=Any)
    kept: list[str] = []
    added: dict[str, dict[str, Any]] = {}
    rest = iter(arguments)
    for argument in rest:
        mapping, dot, key = argument.removeprefix("--").partition(".")
        if not dot or not argument.startswith("--") or mapping not in MAPPINGS:
            kept.append(argument)
            continue
        value = next(rest, None)
        if value is None:
            raise UserError(f"{argument} lacks its value")
        added.setdefault(mapping, {})[key] = reader.parse_args([f"--value={value}"]).value
    return kept, added
