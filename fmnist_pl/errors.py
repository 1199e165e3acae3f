"""The errors that are meant for people."""


class UserError(Exception):
    """Something that the user can mend: one line with what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 1.
    """


class StoppedError(UserError):
    """The user stopped it (Ctrl-C, SIGTERM): one line with how to go on."""
