"""Distinguish a user's mistake from a fault of the program among the errors that libraries raise."""

import errno
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import Profiler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fmnist_pl.errors import DISK_ERRORS, UserError

MISTAKES = {
    "loading state_dict": "the checkpoint does not fit the requested model",
    "Expected more than 1 value per channel": "data.batch_size",  # batch norm of a single image
    "val_check_interval": "trainer.val_check_interval",
}
"""Words in a library's message that show a mistake, and what to say before the message."""

KEYS: dict[type, str] = {
    Optimizer: "optimizer",
    LRScheduler: "lr_scheduler",
    Callback: "trainer.callbacks",
    Logger: "trainer.logger",
    Profiler: "trainer.profiler",
    nn.Module: "model.network",
}
"""Kinds of objects that a config names, and the key of each."""
IN_USE = (Optimizer, LRScheduler, Callback, Logger, Profiler)
LIBRARIES = ("torch", "lightning")
LOGGER_REMEDIES = {
    "MLFlowLogger": "give --trainer.logger.save_dir FOLDER for a file, or --trainer.logger.tracking_uri http://SERVER",
    "WandbLogger": "give --trainer.logger.offline true, or run: wandb login",
}
"""Loggers of the extra ``trackers``, and how to mend their arguments."""
LONGEST_MESSAGE = 300


def mistake_behind(error: BaseException) -> UserError | None:
    """The user's mistake that an error stands for; ``None`` for a fault of the program."""
    message = " ".join(str(error).split())[:LONGEST_MESSAGE]
    if isinstance(error, OSError) and error.errno in {*DISK_ERRORS, errno.EACCES}:
        return UserError(f"cannot write the run's files: {message}; free some space or choose another folder")
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message:
        return UserError("out of memory; lower data.batch_size, data.eval_batch_size or the sizes of the network")
    for link in _causes(error):
        if isinstance(link, UserError):  # the parser wraps the error of a constructor
            return link
        refusing = _refusing_object(link)
        if refusing is not None:
            return _refusal(refusing, link)
    if isinstance(error, MisconfigurationException):
        return UserError(message)
    if isinstance(error, RuntimeError | ValueError):
        for words, beginning in MISTAKES.items():
            if words in message:
                return UserError(f"{beginning}: {message}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, the error that it was raised from, and so on."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def _refusing_object(error: BaseException) -> object | None:
    """The object of a config from which an error comes: one that the parser was making, or a library's own in use.

    ``None`` if it comes from code of this package, or from the user's own code in use: they need the traceback.
    """
    made, from_others = None, False
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        package, subject = _package(frame.f_globals.get("__name__", "")), frame.f_locals.get("self")
        if package == "fmnist_pl" and (made is None or subject is not made):  # it may call the constructor of its base
            return None
        if package == "jsonargparse":
            return made
        if frame.f_code.co_name == "__init__":
            made = subject
        elif isinstance(subject, IN_USE) and _package(type(subject).__module__) in LIBRARIES:
            # an optimizer calls the training step; a logger calls the package of its tracker
            return subject if isinstance(subject, Logger) or not from_others else None
        elif package not in LIBRARIES and package not in sys.stdlib_module_names:
            from_others = True
    return None


def _refusal(refusing: object, error: BaseException) -> UserError:
    key = next((key for kind, key in KEYS.items() if isinstance(refusing, kind)), "trainer")
    reason = " ".join(str(error).split())[:LONGEST_MESSAGE]
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
    name = type(refusing).__name__
    if isinstance(error, ModuleNotFoundError) and name in LOGGER_REMEDIES:
        return UserError(f"{key}: {name} needs another package: pip install -e '.[trackers]' in the checkout")
    remedy = LOGGER_REMEDIES.get(name, "change its arguments, or choose another")
    return UserError(f"{key}: {name} fails: {reason} ({where}); {remedy}")


def _package(module: str) -> str:
    return module.partition(".")[0]
