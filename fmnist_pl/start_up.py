"""Start and end of a program: quick imports, what a signal does, and a quick end if there is nothing to close."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Signals that stop a program: SIGTERM from Slurm, Kubernetes and torchrun, SIGUSR1 from Slurm before a time limit."""

_received = [int(signal.SIGINT)]  # the last signal
_has_begun = [False]  # whether the program has begun its work


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector, which scans the new objects again and again and frees almost nothing.

    Imported objects are excluded from later collections too. Use it only at the start of a program: it affects all
    objects of the process (benchmarks/once/start_up.py). Ctrl-C, SIGTERM and SIGUSR1 end the process in one line.
    """
    gc.disable()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in handlers.items():
        if handler in (signal.SIG_DFL, signal.default_int_handler):  # a background job ignores Ctrl-C
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        gc.freeze()
        atexit.register(gc.unfreeze)  # extension modules warn about objects that are left when the process ends
        gc.enable()


def remember_signal(number: int) -> None:
    """Store the signal that stops this program, for its exit code."""
    _received[0] = number


def exit_code_of_signal() -> int:
    """128 and the number of the last signal, as shells have it: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + _received[0]


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Handle a signal as Python handles Ctrl-C."""
    remember_signal(number)
    raise KeyboardInterrupt


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


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End the process: a KeyboardInterrupt may become another error on its way through the modules that import."""
    remember_signal(number)
    os.write(2, b"error: stopped\n")
    os._exit(exit_code_of_signal())
