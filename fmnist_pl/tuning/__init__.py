"""Search the keys of a training config with Optuna: the command line (`main`) and the function behind it (`tune`)."""

from fmnist_pl.tuning.run import Outcome, main, tune
from fmnist_pl.tuning.search import Search

__all__ = ["Outcome", "Search", "main", "tune"]
