"""The commands ``fmnist-train`` and ``fmnist-tune``, which train.py and tune.py run too.

Each function imports what it runs, so that neither command waits for the imports of the other.
"""

from fmnist_pl.start_up import quick_imports


def train() -> int:
    """Run ``fmnist-train`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    with quick_imports():
        from fmnist_pl.console import hide_disk_errors_of_threads
        from fmnist_pl.training import main
    hide_disk_errors_of_threads()
    return main()


def tune() -> int:
    """Run ``fmnist-tune`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    with quick_imports():
        from fmnist_pl.console import hide_disk_errors_of_threads
        from fmnist_pl.tuning import main
    hide_disk_errors_of_threads()
    return main()
