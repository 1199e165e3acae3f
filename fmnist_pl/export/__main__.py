"""``python -m fmnist_pl.export``: export a checkpoint; ``--help`` tells the options."""

import sys

from fmnist_pl.start_up import quick_imports

with quick_imports():
    from fmnist_pl.console import run
    from fmnist_pl.export.export import export

if __name__ == "__main__":
    sys.exit(run(export, "python -m fmnist_pl.export"))
