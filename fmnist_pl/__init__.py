"""Train, tune, judge and use Fashion-MNIST classifiers with PyTorch Lightning and Optuna."""

__version__ = "0.1.0"
