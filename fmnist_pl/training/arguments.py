"""Complete the arguments of a command: names of configs become paths, and a checkpoint brings its own config."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

from fmnist_pl.config import Config, check_name, read_yaml
from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import about_safetensors, read_checkpoint
from fmnist_pl.training.checkpoints import LAST, last_checkpoint
from fmnist_pl.training.command_line import CONFIG, DEFAULT_ROOT, find_configs
from fmnist_pl.training.foreign_config import evaluated_config, resumed_config, words
from fmnist_pl.weights import SHIPPED

WRITTEN_OUT = '{"'  # begins the config of a checkpoint among the arguments


def complete(command: str, arguments: list[str]) -> tuple[list[str], str | None]:
    """Look up the configs by name, and put the config of a checkpoint before all of them.

    A checkpoint brings its own model and data; every key that the user gives, in a file or a flag, overrides it. For
    ``fit``, ``--ckpt_path last`` is the newest checkpoint to continue from; it stays as it is if there is none.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        arguments: As typed after the command.

    Returns:
        The arguments for the parser, and the name of the first config (``cnn`` for ``--config cnn.yaml``).

    Raises:
        UserError: No model is named, or a config or a checkpoint is missing or unreadable.
    """
    arguments, names = find_configs(command, arguments)
    checkpoint = last_value(arguments, "ckpt_path")
    if checkpoint == LAST and command == "fit":
        arguments = _continue_last(arguments, names)
    elif checkpoint is not None:
        arguments = _after(_checkpoint_config(command, Path(str(checkpoint)), arguments), arguments)
    elif command == "predict" and last_value(arguments, "data.predict_path") is not None:
        arguments = _after(_shipped_config(), arguments)
    return arguments, names[0] if names else None


def last_value(arguments: list[str], key: str) -> Any:
    """The value that flags and config files give a dotted key, the last of them counts; ``None`` if absent."""
    value = None
    for option, text in pairwise(arguments):
        if option == f"--{key}":
            value = text
        elif option in CONFIG and not text.startswith(WRITTEN_OUT):
            in_file = _value_in_file(Path(text), key)
            value = value if in_file is None else in_file
    return value


def _continue_last(arguments: list[str], names: list[str]) -> list[str]:
    """The arguments with the newest checkpoint to continue from, if there is one."""
    path = last_checkpoint(_folder_of_runs(arguments, names))
    if path is None:
        return arguments
    config = _checkpoint_config("fit", path, arguments)
    if names:
        del config["trainer"]["callbacks"]  # the same command adds its own again, with --trainer.callbacks+
    if last_value(arguments, "data.source") == "auto":  # stays on the images that it began with
        arguments = [*arguments, "--data.source", config["data"]["source"]]
    return _after(config, [*arguments, "--ckpt_path", str(path)])


def _folder_of_runs(arguments: list[str], names: list[str]) -> Path:
    """``runs/cnn``: where this training will have its folder."""
    name = last_value(arguments, "name") or next(iter(names), None)
    if name is None:
        raise UserError("--ckpt_path last continues the newest run of a name: give --config NAME.yaml, or --name")
    root = last_value(arguments, "trainer.default_root_dir") or DEFAULT_ROOT
    return Path(os.path.expandvars(Path(str(root)).expanduser()), check_name(str(name), "name"))


def _value_in_file(path: Path, key: str) -> Any:
    node = read_yaml(path)
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _checkpoint_config(command: str, path: Path, arguments: list[str]) -> Config:
    typed = {*arguments, *(word for file in _config_files(arguments) for word in words(read_yaml(file)))}
    checkpoint = read_checkpoint(path)
    if command == "fit":
        return resumed_config(checkpoint, typed)
    return evaluated_config(checkpoint, typed)


def _config_files(arguments: list[str]) -> list[Path]:
    return [Path(text) for option, text in pairwise(arguments) if option in CONFIG]


def _shipped_config() -> Config:
    """Config of the weights in the package."""
    config = about_safetensors(SHIPPED)["config"]
    return {"name": config["name"], "model": config["model"], "trainer": {"precision": "32-true"}}


def _after(config: Config, arguments: list[str]) -> list[str]:
    """The arguments after a config, written out, so that they override it."""
    return ["--config", json.dumps(config), *arguments]
