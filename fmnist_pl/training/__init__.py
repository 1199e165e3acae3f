"""Train and evaluate: the command line (`main`) and the function behind it (`train`)."""

from fmnist_pl.training.commands import main, train

__all__ = ["main", "train"]
