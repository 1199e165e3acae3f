"""Distinguish a user's mistake from a fault of the program among the errors that libraries raise."""

import errno

from lightning.fabric.utilities.exceptions import MisconfigurationException

from fmnist_pl.errors import UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
MISTAKES = {
    "loading state_dict": "the checkpoint does not fit the requested model",
    "Early stopping conditioned on metric": "EarlyStopping",
    "val_check_interval": "trainer",
}
"""Words in a library's message that show a mistake, and what to say before the message."""


def mistake_behind(error: BaseException) -> UserError | None:
    """The user's mistake that an error stands for; ``None`` for a fault of the program."""
    if isinstance(error, UserError):
        return error
    if isinstance(error.__cause__, UserError):  # the parser wraps the error of a constructor
        return error.__cause__
    message = " ".join(str(error).split())
    if isinstance(error, MisconfigurationException):
        return UserError(message)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return UserError(f"cannot write the run's files: {message}; free some space or choose another folder")
    if isinstance(error, RuntimeError | ValueError):
        for words, beginning in MISTAKES.items():
            if words in message:
                return UserError(f"{beginning}: {message[:300]}")
    return None
