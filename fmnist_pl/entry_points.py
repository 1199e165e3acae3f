"""The commands ``fmnist-train`` and ``fmnist-tune``, which train.py and tune.py run too."""

import sys
from collections.abc import Callable
from importlib import import_module

from fmnist_pl.start_up import program, quick_imports


def train() -> int:
    """Run ``fmnist-train`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    return program(lambda: _run("fmnist_pl.training"))


def tune() -> int:
    """Run ``fmnist-tune`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    return program(lambda: _run("fmnist_pl.tuning"))


def _run(package: str) -> int:
    """Check the command line as far as that needs no torch, then import ``main`` of the package and run it."""
    with quick_imports():
        from fmnist_pl.console import exit_code_of, hide_disk_errors_of_threads

        check = import_module(f"{package}.command_line").check
    hide_disk_errors_of_threads()
    code = exit_code_of(lambda: check(sys.argv[1:]))
    if code:
        return code
    with quick_imports():
        main: Callable[[], int] = import_module(package).main  # imports torch
    return main()
