"""Search architecture and training of Fashion-MNIST classifiers: ``python tune.py --n-trials 50``."""

import sys

from fmnist_pl.entry_points import tune

if __name__ == "__main__":
    sys.exit(tune())
