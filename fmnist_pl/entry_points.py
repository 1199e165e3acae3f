"""The commands ``fmnist-train`` and ``fmnist-tune``, which train.py and tune.py run too.

Each function checks the command line as far as that needs no torch, then imports what it runs.
"""

import sys

from fmnist_pl.start_up import program, quick_imports


def train() -> int:
    """Run ``fmnist-train`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    return program(_train)


def tune() -> int:
    """Run ``fmnist-tune`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    return program(_tune)


def _train() -> int:
    with quick_imports():
        from fmnist_pl.console import exit_code_of, hide_disk_errors_of_threads
        from fmnist_pl.training.command_line import check
    hide_disk_errors_of_threads()
    code = exit_code_of(lambda: check(sys.argv[1:]))
    if code:
        return code
    with quick_imports():
        from fmnist_pl.training import main
    return main()


def _tune() -> int:
    with quick_imports():
        from fmnist_pl.console import exit_code_of, hide_disk_errors_of_threads
        from fmnist_pl.tuning.command_line import check
    hide_disk_errors_of_threads()
    code = exit_code_of(lambda: check(sys.argv[1:]))
    if code:
        return code
    with quick_imports():
        from fmnist_pl.tuning import main
    return main()
