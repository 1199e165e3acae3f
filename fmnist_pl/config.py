"""Configs as nested plain data: how they are found and read, and what each key stands for.

Every key is one of three kinds. *Recipe* keys decide what is trained and to which weights. *Machine* keys say where and
how fast. *Output* keys say what a run writes and prints. A key that the two tables below do not name is a recipe key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.errors import UserError

Config = dict[str, Any]

MACHINE_KEYS = (
    "threads", "steps_per_execution", "compile", "cuda_graph",
    "ckpt_path", "weights_only", "verbose", "return_predictions",
    "data.root", "data.verify", "data.predict_path",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.plugins",
    "trainer.use_distributed_sampler", "trainer.barebones",
)  # fmt: skip
OUTPUT_KEYS = (
    "name", "test_after_fit", "report", "live_pictures", "histograms", "show",
    "trainer.default_root_dir", "trainer.logger", "trainer.log_every_n_steps", "trainer.profiler",
    "trainer.enable_checkpointing", "trainer.enable_model_summary", "trainer.enable_progress_bar",
    "trainer.model_registry",
)  # fmt: skip
PACKAGE = Path(__file__).parent
CONFIG_FOLDER = next(folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir())
"""In an installed package, or at the top of the repository."""

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast, where PyYAML has it
LARGEST_YAML = 1_000_000  # bytes of a file
MOST_VALUES = 20_000  # keys and values of a YAML text, with every alias written out
LONGEST_TEXT = 4_000  # characters of one of them; digits beyond a limit of Python's make no number
LONG_TEXT = 64  # characters after which a text counts as another value
DEEPEST = 50  # lists and mappings within each other
NAME = re.compile(r"\w[\w .,+=@()-]{0,79}")


def find_config(name: str, folder: Path = CONFIG_FOLDER) -> Path:
    """Find a config by its path as given, else by its name in ``folder``, with or without ``.yaml``.

    Raises:
        UserError: There is none; the message lists those of the folder.
    """
    for path in (Path(name), folder / name, folder / f"{name}.yaml"):
        if path.is_file():
            return path
    raise UserError(f"no config {name}: give the path of a file, or one of {known_configs(folder)}")


def known_configs(folder: Path = CONFIG_FOLDER) -> str:
    """The names of the configs in a folder, for messages."""
    return ", ".join(sorted(path.name for path in folder.glob("*.yaml")))


def check_name(value: str, key: str) -> str:
    """Check the name of a run, a study or the like, which becomes a file or a folder.

    Args:
        value: The name.
        key: Where it was given, for the message.

    Returns:
        The name.

    Raises:
        UserError: It could lead out of its folder, or is not fit for a file system or a terminal.
    """
    if NAME.fullmatch(value) and len(value.encode()) <= 200:
        return value
    shown = ascii(value) if len(value) <= 40 else f"{value[:40]!a}..."
    raise UserError(
        f"{key}: {shown} cannot be the name of a folder; "
        "give up to 80 letters, digits, spaces or . , _ + = @ ( ) - (200 bytes), the first a letter or a digit"
    )


def read_yaml(path: Path, what: str = "config") -> Any:
    """Read a YAML file, whoever wrote it.

    Args:
        path: The file.
        what: What it is, for messages.

    Raises:
        UserError: It cannot be read, is not YAML, or `check_yaml` refuses it.
    """
    where = f"{what} {path}"
    try:
        if not path.is_file():
            raise UserError(f"{where}: no such file; give the path of a YAML file")
        with path.open("rb") as file:
            content = file.read(LARGEST_YAML + 1)
        if len(content) > LARGEST_YAML:
            raise UserError(f"{where}: it is larger than {LARGEST_YAML:,} bytes; shorten it")
        text = content.decode("utf-8-sig")
        check_yaml(text, where)
        return yaml.load(text, Loader=YAML_LOADER)
    except OSError as error:
        raise UserError(f"{where}: it cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: it is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{where}: it is not YAML ({' '.join(str(error).split())[:200]}); correct it") from error


def check_yaml(text: str, where: str) -> None:
    """Check a YAML text before anything is made of it, in time and memory proportional to its length.

    Args:
        text: Content of a file or of an argument.
        where: The file or the argument, for messages.

    Raises:
        UserError: It is too large or too deep, with aliases written out; it holds itself; or it repeats a key.
        yaml.YAMLError: It is not YAML.
    """
    values = 0
    sizes: dict[str | None, int] = {}  # of the value of each anchor
    collections: list[_Collection] = []
    for event in yaml.parse(text, Loader=YAML_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            ended = collections.pop()
            sizes[ended.anchor] = values - ended.start
        if not isinstance(event, yaml.NodeEvent):
            continue
        text_of = getattr(event, "value", None)
        if collections and collections[-1].repeats_key(text_of):
            raise UserError(f"{where}: the key {text_of!a:.80} is given twice; remove one of the two")
        start = values
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise UserError(f"{where}: *{event.anchor} stands for what holds it, or for nothing; write it out")
            values += sizes[event.anchor]
        else:
            length = len(text_of or "")
            if length > LONGEST_TEXT:
                raise UserError(f"{where}: a text in it has more than {LONGEST_TEXT:,} characters; shorten it")
            values += 1 + length // LONG_TEXT
        if isinstance(event, yaml.CollectionStartEvent):
            collections.append(_Collection(event.anchor, start, isinstance(event, yaml.MappingStartEvent)))
        else:
            sizes[event.anchor] = values - start
        if values > MOST_VALUES:
            raise UserError(f"{where}: it holds more than {MOST_VALUES:,} keys and values; shorten it")
        if len(collections) > DEEPEST:
            raise UserError(f"{where}: it is nested more than {DEEPEST} deep; flatten it")


@dataclass
class _Collection:
    """A list or mapping of a YAML text whose end is not read yet."""

    anchor: str | None
    start: int
    is_mapping: bool
    children: int = 0
    keys: set[str] = field(default_factory=set)

    def repeats_key(self, text: str | None) -> bool:
        """Count a child; whether its text, if it is one, is a key that the mapping has already."""
        self.children += 1
        if text is None or not (self.is_mapping and self.children % 2):
            return False
        repeats = text in self.keys
        self.keys.add(text)
        return repeats


def recipe_of(config: Config) -> Config:
    """Copy a complete config without its machine and output keys."""
    return _without(config, {*MACHINE_KEYS, *OUTPUT_KEYS})


def is_recipe(key: str) -> bool:
    """Whether a dotted key, or the key that it lies within, is a recipe key."""
    return not _is_within(key, (*MACHINE_KEYS, *OUTPUT_KEYS))


def is_output(key: str) -> bool:
    """Whether a dotted key, or the key that it lies within, is an output key."""
    return _is_within(key, OUTPUT_KEYS)


def flatten(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a nested config with its dotted key; lists and empty mappings are leaves."""
    if isinstance(config, dict) and config:
        for part, value in config.items():
            yield from flatten(value, f"{prefix}.{part}" if prefix else str(part))
    else:
        yield prefix, config


def _is_within(key: str, others: tuple[str, ...]) -> bool:
    return any(key == other or key.startswith(f"{other}.") for other in others)


def _without(config: Config, keys: set[str], prefix: str = "") -> Config:
    kept = {}
    for part, value in config.items():
        key = f"{prefix}{part}"
        if key not in keys:
            kept[part] = _without(value, keys, f"{key}.") if isinstance(value, dict) else value
    return kept
