"""Train, validate, test and use Fashion-MNIST classifiers: ``python train.py fit --config cnn.yaml``."""

import sys

from fmnist_pl.start_up import quick_imports

with quick_imports():
    from fmnist_pl.training import main

if __name__ == "__main__":
    sys.exit(main())
