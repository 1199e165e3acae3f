"""From what the user typed to what the parser reads: config names and checkpoints become configs."""

import json
from pathlib import Path
from typing import Any

from fmnist_pl.config import find_config, known_configs
from fmnist_pl.errors import UserError
from fmnist_pl.export.read import about_safetensors
from fmnist_pl.training.checkpoints import load_config
from fmnist_pl.weights import SHIPPED

COMMANDS = {
    "fit": "Train a config's network, then test its best epoch once (--config cnn.yaml).",
    "validate": "Accuracy and loss of a checkpoint on the validation images (--ckpt_path FILE).",
    "test": "Accuracy and loss of a checkpoint on the test images.",
    "predict": "Write a checkpoint's prediction of each test image, or photo, to predictions.csv.",
}
OF_THE_MODEL = ("name", "seed_everything", "model", "data", "optimizer", "lr_scheduler")
"""Keys of a checkpoint's config that its evaluation takes over; the rest is of the machine that it was trained on."""

PHOTOS = "--data.predict_path"
SPLIT = ("--config", "-c", "--ckpt_path", PHOTOS)
SAY_THE_MODEL = ("--config", "-c", "--ckpt_path", "--model", "--help", "-h", "--print_config")


def command_of(arguments: list[str]) -> str | None:
    """The subcommand among the arguments."""
    return next((argument for argument in arguments if argument in COMMANDS), None)


def resolve(arguments: list[str]) -> tuple[list[str], str | None]:
    """Look up config names, and put the config of a checkpoint before all others.

    So a checkpoint brings its own model and data, and whatever the user names beside it, in a file or a flag, wins.

    Args:
        arguments: As typed, without the program's name.

    Returns:
        The arguments for the parser, and the name of the first config (``cnn`` for ``--config cnn.yaml``).

    Raises:
        UserError: A config or a checkpoint is not there or cannot be read.
    """
    resolved = _split_equals(arguments)
    names = []
    for position, option in enumerate(resolved[:-1]):
        if option in ("--config", "-c"):
            path = find_config(resolved[position + 1])
            resolved[position + 1] = str(path)
            names.append(path.stem)
    command = command_of(resolved)
    if command == "predict" and "--ckpt_path" not in resolved and PHOTOS in resolved:
        _put_below(resolved, command, _shipped_config())
    if command is not None and not any(argument.startswith(SAY_THE_MODEL) for argument in resolved):
        raise UserError(f"{command} of which model? Add --config NAME.yaml ({known_configs()}) or --ckpt_path FILE")
    if command is not None and "--ckpt_path" in resolved[:-1]:
        config = load_config(Path(resolved[resolved.index("--ckpt_path") + 1]))
        if command != "fit":
            precision = {"precision": config["trainer"]["precision"]}
            config = {key: config[key] for key in OF_THE_MODEL} | {"trainer": precision}
        _put_below(resolved, command, config)
    return resolved, names[0] if names else None


def _put_below(arguments: list[str], command: str, config: dict[str, Any]) -> None:
    """Put a config right after the command, so that all other arguments win over it."""
    after_command = arguments.index(command) + 1
    arguments[after_command:after_command] = ["--config", json.dumps(config)]


def _shipped_config() -> dict[str, Any]:
    """That of the weights which come with the package."""
    config = about_safetensors(SHIPPED)["config"]
    return {"name": config["name"], "model": config["model"], "trainer": {"precision": "32-true"}}


def _split_equals(arguments: list[str]) -> list[str]:
    """``--config=x`` and the like as two arguments each."""
    split: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        split += [option, value] if equals and option in SPLIT else [argument]
    return split
