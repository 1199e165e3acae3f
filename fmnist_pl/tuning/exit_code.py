"""What a process of the search says, and exits with, when it cannot go on."""

import sys
from collections.abc import Callable

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.storage import STORAGE_ERRORS, storage_is_away


def exit_code_of(run: Callable[[], object]) -> int:
    """Run, and tell a user's mistake or a storage that went away in one line.

    Returns:
        0, or 1 after an error.
    """
    try:
        run()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except STORAGE_ERRORS as error:
        print(f"error: {storage_is_away(error)}", file=sys.stderr)
        return 1
    return 0
