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
        from fmnist_pl.training import main
    return main()


def tune() -> int:
    """Run ``fmnist-tune`` with the arguments of the command line.

    Returns:
        The exit code.
    """
    with quick_imports():
        from fmnist_pl.tuning import main
    return main()
