"""Errors whose messages are written for users."""

import errno

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""Numbers of the errors of a disk that is full, over a quota or a limit, read-only or broken."""


class UserError(Exception):
    """A mistake that the user can mend: one line with what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 1.
    """


def is_of_the_disk(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, is one of `DISK_ERRORS`."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an error can be its own cause
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return True
        seen.add(id(error))
        error = error.__cause__
    return False


class StoppedError(UserError):
    """A signal stopped it (Ctrl-C, SIGTERM, SIGUSR1): one line with how to resume."""
