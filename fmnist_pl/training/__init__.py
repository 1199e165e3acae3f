"""Train and evaluate: the command line (`main`) and the function behind it (`train`)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist_pl.training.commands import main, train

__all__ = ["main", "train"]


def __getattr__(name: str) -> Any:
    # lazy, since the command line is checked before torch is imported (command_line.py)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.commands"), name)
