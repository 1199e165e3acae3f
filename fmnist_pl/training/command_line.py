"""First look at the command line of train.py: command, configs and flags, checked before torch is imported."""

from fmnist_pl.config import find_config, known_configs, read_yaml
from fmnist_pl.console import HELP, OneLineErrorParser
from fmnist_pl.errors import UserError
from fmnist_pl.training.flags import check_flags

COMMANDS = {
    "fit": "Train the network of a config, then test its best epoch once (--config cnn.yaml).",
    "validate": "Accuracy and loss of a checkpoint on the validation images (--ckpt_path FILE).",
    "test": "Accuracy and loss of a checkpoint on the test images, with a report.",
    "predict": "Write the predictions of a checkpoint for the test images, or for photos, to predictions.csv.",
}
CONFIG = ("--config", "-c")
WITH_VALUE = (*CONFIG, "--ckpt_path", "--data.predict_path")
NAMES_A_MODEL = (*CONFIG, "--ckpt_path", "--model", "--help", "-h", "--print_config")


def check(arguments: list[str]) -> None:
    """Check what needs no parser of options; prints the list of commands for ``--help`` and exits.

    Args:
        arguments: As on the command line, from the command on.

    Raises:
        UserError: The command is unknown, no model is named, a config is missing or unreadable, or a flag is unknown.
    """
    command, rest = split_command(arguments)
    find_configs(command, rest)
    check_flags(command, rest)


def split_command(arguments: list[str]) -> tuple[str, list[str]]:
    """The command and its arguments; prints the list of commands for ``--help`` and exits.

    Raises:
        UserError: The command is unknown.
    """
    command, *rest = arguments or ["--help"]
    if command in COMMANDS:
        return command, rest
    if command in ("--help", "-h"):
        parser = OneLineErrorParser(description="Train, validate, test and use Fashion-MNIST classifiers.")
        commands = parser.add_subcommands(required=False)
        for name, text in COMMANDS.items():
            commands.add_subcommand(name, OneLineErrorParser(), help=text)
        parser.print_help()
        raise SystemExit(0)
    raise UserError(f"{command} is not a command: give {', '.join(COMMANDS)} {HELP}")


def find_configs(command: str, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Look up the configs by name.

    Args:
        command: One of `COMMANDS`.
        arguments: As typed after the command.

    Returns:
        The arguments with the paths of the configs, and the names of the configs (``cnn`` for ``--config cnn.yaml``).

    Raises:
        UserError: No model is named, or a config is missing or unreadable.
    """
    arguments = _split_equals(arguments)
    names = []
    for position, option in enumerate(arguments[:-1]):
        if option in CONFIG:
            path = find_config(arguments[position + 1])
            if not isinstance(read_yaml(path), dict):
                raise UserError(f"config {path}: it holds no keys; give a file like those in configs/")
            arguments[position + 1] = str(path)
            names.append(path.stem)
    is_shipped = command == "predict" and "--data.predict_path" in arguments[:-1]
    if not is_shipped and not any(argument.startswith(NAMES_A_MODEL) for argument in arguments):
        raise UserError(f"{command}: no model is named; add --config NAME.yaml ({known_configs()}) or --ckpt_path FILE")
    return arguments, names


def _split_equals(arguments: list[str]) -> list[str]:
    """``--config=x`` and the like as two arguments each."""
    split: list[str] = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        split += [option, value] if equals and option in WITH_VALUE else [argument]
    return split
