"""First look at the command line of train.py: command, configs and flags, checked before torch is imported.

The parser (options.py) checks every flag and value, but needs Lightning, which takes seconds to import. Here the first
part of a flag is checked, and the second part of ``--trainer.`` and ``--data.`` by the signature in the source file.
"""

import ast
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fmnist_pl.config import find_config, known_configs, read_yaml
from fmnist_pl.console import HELP, OneLineErrorParser
from fmnist_pl.errors import UserError

COMMANDS = {
    "fit": "Train the network of a config, then test its best epoch once (--config cnn.yaml).",
    "validate": "Accuracy and loss of a checkpoint on the validation images (--ckpt_path FILE).",
    "test": "Accuracy and loss of a checkpoint on the test images, with a report.",
    "predict": "Write the predictions of a checkpoint for the test images, or for photos, to predictions.csv.",
}
CONFIG = ("--config", "-c")
DEFAULT_ROOT = "runs"  # of trainer.default_root_dir
WITH_VALUE = (*CONFIG, "--ckpt_path", "--name", "--trainer.default_root_dir", "--data.predict_path")
NAMES_A_MODEL = (*CONFIG, "--ckpt_path", "--model", "--help", "-h", "--print_config")
SHARED = {
    "help", "config", "print_config", "seed_everything", "name", "threads", "model", "data", "trainer", "optimizer",
    "lr_scheduler", "ckpt_path", "weights_only",
}  # fmt: skip
OF_COMMAND = {
    "fit": {"steps_per_execution", "compile", "cuda_graph", "test_after_fit", "live_pictures", "histograms", "report"},
    "validate": {"verbose"},
    "test": {"verbose", "report"},
    "predict": {"return_predictions", "show", "no_show"},
}
"""First parts of the flags; a test compares them with the parser's."""
CLASSES = {
    "trainer": ("lightning", "pytorch/trainer/trainer.py", "Trainer"),
    "data": ("fmnist_pl", "data/datamodule.py", "FashionMNISTDataModule"),
}
"""Package, source file and name of the class whose parameters are the second parts."""


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


def check_flags(command: str, arguments: list[str]) -> None:
    """Refuse a flag that the parser would not know.

    Args:
        command: ``fit``, ``validate``, ``test`` or ``predict``.
        arguments: As typed after the command.

    Raises:
        UserError: A flag is unknown; the message names the most similar one.
    """
    for argument in arguments:
        if not argument.startswith("--") or argument == "--":
            continue
        flag = argument[2:].partition("=")[0].removesuffix("+")
        first, *others = flag.split(".")
        known = SHARED | OF_COMMAND[command]
        if first not in known:
            raise _unknown(argument, first, known, "--")
        parameters = parameters_of(first) if others and first in CLASSES else None
        if parameters is not None and others[0] not in parameters:
            raise _unknown(argument, others[0], parameters, f"--{first}.")


@cache
def parameters_of(key: str) -> set[str] | None:
    """Parameters of the class behind a key, read from its source; ``None`` if they cannot be read there.

    Args:
        key: One of `CLASSES`.
    """
    package, file, name = CLASSES[key]
    spec = find_spec(package)
    path = Path(*(spec.submodule_search_locations or [] if spec else []), file)
    if not path.is_file():
        return None
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ClassDef) and node.name == name:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__" and method.args.kwarg is None:
                    parameters = [*method.args.args[1:], *method.args.kwonlyargs]
                    return {parameter.arg for parameter in parameters}
    return None


def _unknown(argument: str, part: str, known: set[str], prefix: str) -> UserError:
    similar = get_close_matches(part, known, 1)
    hint = f"; did you mean {prefix}{similar[0]}?" if similar else ""
    return UserError(f"unrecognized arguments: {argument}{hint} {HELP}")
