"""Search architecture and training of Fashion-MNIST classifiers: ``python tune.py --n-trials 50``."""

import sys

from fmnist_pl.start_up import quick_imports

with quick_imports():
    from fmnist_pl.tuning import main

if __name__ == "__main__":
    sys.exit(main())
