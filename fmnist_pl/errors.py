"""Errors whose messages are written for users."""


class UserError(Exception):
    """A mistake that the user can mend: one line with what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 1.
    """


class StoppedError(UserError):
    """A signal stopped it (Ctrl-C, SIGTERM, SIGUSR1): one line with how to resume."""
