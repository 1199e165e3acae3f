"""``python -m fmnist_pl.app``: serve the page; ``--help`` lists the options."""

import sys

from fmnist_pl.start_up import quick_imports

with quick_imports():
    from fmnist_pl.app.serve import serve
    from fmnist_pl.console import run

if __name__ == "__main__":
    sys.exit(run(serve, "python -m fmnist_pl.app", skip={"block"}))
