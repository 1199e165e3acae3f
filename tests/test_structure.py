"""The layout of the code: which room imports which, sizes of folders and files, private names of libraries."""

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonargparse
import pytest
from lightning.pytorch import cli

from tests.conftest import ROOT

# A room is a folder or a module directly in fmnist_pl/. All rooms may import the BASE rooms; a room above them may also
# import the rooms named here, at the top of a file or in a function.
BASE = {
    "__init__": "",
    "errors": "",
    "foreign_text": "",
    "start_up": "",
    "weights": "",
    "atomic_files": "errors",
    "config": "errors",
    "bounds": "config errors",
    "console": "errors config foreign_text start_up",
}
MAY_IMPORT = {
    "data": "",
    "networks": "data",
    "models": "data networks",
    "reporting": "data networks",
    "photos": "data reporting",
    "training": "data networks models reporting photos",
    "tuning": "data networks models reporting training",
    "export": "data networks photos predictor reporting",
    "predictor": "data networks photos export",
    "app": "data networks photos predictor",
    "entry_points": "training tuning",
}
MODULES_PER_FOLDER = 20
LINES_PER_FILE = 300

CLI_MODULES = ("jsonargparse", "lightning.pytorch.cli")
CLI_SOURCES = [Path(cli.__file__), Path(argparse.__file__), *Path(jsonargparse.__file__).parent.glob("*.py")]
LOOP_INTERNALS = {"fit_loop", "epoch_loop", "_data_fetcher", "_batches_that_stepped"}

PACKAGE = ROOT / "fmnist_pl"
FILES = sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), path.name)


def name_of(path: Path) -> str:
    """The path of a file as messages show it."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, module and imported name ("" for ``import module``) of every import of a file, lazy ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: write the import with its full path"
            yield from ((node.lineno, str(node.module), alias.name) for alias in node.names)


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """Line and room of every import from this package."""
    for line, module, name in imports(path):
        parts = f"{module}.{name}".split(".")
        if parts[0] == PACKAGE.name:
            yield line, parts[1] if parts[1] in BASE | MAY_IMPORT else "__init__"


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in FILES} == set(BASE | MAY_IMPORT)


def test_no_room_imports_a_higher_one() -> None:
    wrong = []
    for path in FILES:
        room = room_of(path)
        allowed = {room, *BASE[room].split()} if room in BASE else {room, *BASE, *MAY_IMPORT[room].split()}
        wrong += [f"{name_of(path)}:{line}: {room} -> {to}" for line, to in imported_rooms(path) if to not in allowed]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def test_no_folder_has_too_many_modules() -> None:
    counts = Counter(name_of(path.parent) for path in FILES if not path.name.startswith("__"))
    assert not {folder: count for folder, count in counts.items() if count > MODULES_PER_FOLDER}


def test_no_file_is_too_long() -> None:
    folders = [PACKAGE, ROOT / "benchmarks", ROOT / "tests"]
    files = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files}
    assert not {name: length for name, length in lengths.items() if length > LINES_PER_FILE}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@cache
def private_names_of_the_cli() -> frozenset[str]:
    """Every private name that LightningCLI, jsonargparse and argparse define or use themselves."""
    found = set()
    for path in CLI_SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.FunctionDef):
                found.add(node.name)
    return frozenset(filter(is_private, found))


@cache
def cli_classes() -> frozenset[str]:
    """Names of the classes that files of this package import from the libraries, and of all classes built on them."""
    found = {"LightningCLI", "ArgumentParser"}
    found |= {name for path in FILES for _, module, name in imports(path) if module.startswith(CLI_MODULES)}
    classes = [node for path in FILES for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    size = 0
    while size != len(found):
        size = len(found)
        found |= {node.name for node in classes if any(last_name(base) in found for base in node.bases)}
    return frozenset(found)


def last_name(node: ast.expr) -> str | None:
    """``c`` for ``a.b.c`` and for ``c``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def private_uses(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each private part of the libraries that a file overrides, calls or reads.

    ``self`` and ``super()`` count in subclasses of their classes alone: elsewhere, such a name is one of ours.
    """
    private = private_names_of_the_cli()
    ours: set[ast.AST] = set()
    for node in ast.walk(module):
        if not isinstance(node, ast.ClassDef):
            continue
        if any(last_name(base) in cli_classes() for base in node.bases):
            members = {part.name: part.lineno for part in node.body if isinstance(part, ast.FunctionDef)}
            yield from ((line, name) for name, line in members.items() if name in private)
        else:
            ours |= {
                part
                for part in ast.walk(node)
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self"
            }
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in private and node not in ours:
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith(CLI_MODULES):
            names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            yield from ((node.lineno, name) for name in names if is_private(name))


def test_the_command_line_is_built_on_public_parts_alone() -> None:
    wrong = []
    for path in FILES:
        if any(
            name in cli_classes() or f"{module}.{name}".startswith(CLI_MODULES) for _, module, name in imports(path)
        ):
            wrong += [f"{name_of(path)}:{line}: {name}" for line, name in private_uses(tree(path))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class C(LightningCLI):\n    def _run_subcommand(self): ...", "_run_subcommand"),
        ("class C(LightningCLI):\n    def parse(self): self._get(0)", "_get"),
        ("def parse(parser): parser._subcommands_action", "_subcommands_action"),
        ("from jsonargparse._typehints import ActionTypeHint", "_typehints"),
        ("class C(LightningCLI):\n    def begin(self): self._begin_this_run()", None),
        ("class C:\n    def _get(self): self._get()", None),
    ],
)
def test_private_parts_are_found(source: str, found: str | None) -> None:
    assert {name for _, name in private_uses(ast.parse(source))} == ({found} if found else set())


def test_the_internals_of_the_training_loop_are_used_in_one_file() -> None:
    users = {
        name_of(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in LOOP_INTERNALS
    }
    assert len(users) <= 1, users
