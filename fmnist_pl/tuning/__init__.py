"""Search the keys of a training config with Optuna: the command line (`main`) and the function behind it (`tune`)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist_pl.tuning.run import Outcome, main, tune
    from fmnist_pl.tuning.search import Limits, Search

__all__ = ["Limits", "Outcome", "Search", "main", "tune"]


def __getattr__(name: str) -> Any:
    # lazy, since a worker process imports this package before its quick imports begin (worker_process.py)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'search' if name in ('Limits', 'Search') else 'run'}"), name)
