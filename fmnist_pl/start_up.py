"""Start and end of a program: quick imports, Ctrl-C during them, and a quick end if there is nothing to close."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

_has_begun = [False]  # whether the program has begun its work


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector, which scans the new objects again and again and frees almost nothing.

    Imported objects are excluded from later collections too. Use it only at the start of a program: it affects all
    objects of the process (benchmarks/once/start_up.py). Ctrl-C ends the process in one line.
    """
    gc.disable()
    can_stop = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a background job ignores Ctrl-C
    if can_stop:
        signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        if can_stop:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.freeze()
        atexit.register(gc.unfreeze)  # extension modules warn about objects that are left when the process ends
        gc.enable()


def program(main: Callable[[], int]) -> int:
    """Run the main function of a program, which ends the process with the returned exit code.

    Args:
        main: Its result is the exit code. If it ends before `work_begins`, as after ``--help`` or a wrong flag, Python
            does not clear the imported modules one by one, which takes half as long as the import of torch.

    Returns:
        The exit code.
    """
    exit_code: list[int] = []
    atexit.register(_end_at_once, exit_code)  # functions registered later run earlier, so this is the last one
    try:
        code = main()
    except SystemExit as end:  # --help
        if end.code not in (None, 0):
            raise
        code = 0
    if not _has_begun[0]:
        exit_code.append(code)
    return code


def work_begins() -> None:
    """Let the process end as usual from now on: libraries may hold open files."""
    _has_begun[0] = True


def _end_at_once(exit_code: list[int]) -> None:
    if not exit_code:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe, which Python reports itself
        return
    os._exit(exit_code[0])


def _stop(*_: object) -> NoReturn:
    """End the process: a KeyboardInterrupt may become another error on its way through the modules that import."""
    os.write(2, b"error: stopped\n")
    os._exit(130)  # as after Ctrl-C later on (console.exit_code_of)
