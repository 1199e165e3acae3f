"""Configs as nested plain data: where their files are found, and what each key stands for.

Every key is one of three kinds. *Recipe* keys decide what is trained and to which weights. *Machine* keys say where and
how fast. *Output* keys say what a run writes and prints. A key that the two tables below do not name is a recipe key.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fmnist_pl.errors import UserError

Config = dict[str, Any]

MACHINE_KEYS = (
    "threads", "steps_per_execution", "compile", "ckpt_path", "weights_only", "verbose", "return_predictions",
    "data.root", "data.verify", "data.predict_path",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.plugins",
    "trainer.use_distributed_sampler", "trainer.barebones",
)  # fmt: skip
OUTPUT_KEYS = (
    "name", "test_after_fit", "report", "live_pictures", "histograms", "show",
    "trainer.default_root_dir", "trainer.logger", "trainer.log_every_n_steps", "trainer.profiler",
    "trainer.enable_checkpointing", "trainer.enable_model_summary", "trainer.enable_progress_bar",
)  # fmt: skip

PACKAGE = Path(__file__).parent
CONFIG_FOLDER = next(folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir())
"""In an installed package, or at the top of the repository."""


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


def read_yaml(path: Path, what: str = "config") -> Any:
    """Read a YAML file.

    Raises:
        UserError: The file cannot be read or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"cannot read the {what} {path}: {' '.join(str(error).split())}") from error


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
