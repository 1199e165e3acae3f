"""Names of the flags of train.py, checked before torch is imported.

The parser (options.py) checks every flag and value, but needs Lightning, which takes seconds to import. Here the first
part of a flag is checked, and the second part of ``--trainer.`` and ``--data.`` by the signature in the source file.
"""

import ast
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fmnist_pl.console import HELP
from fmnist_pl.errors import UserError

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
