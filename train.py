"""Train, validate, test and use Fashion-MNIST classifiers: ``python train.py fit --config cnn.yaml``."""

import sys

from fmnist_pl.entry_points import train

if __name__ == "__main__":
    sys.exit(train())
