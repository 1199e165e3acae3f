"""Import the modules of a command a second sooner; what a signal does to a program, and its exit code."""

import atexit
import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Signals that stop a program: SIGTERM from Slurm, Kubernetes and torchrun, SIGUSR1 from Slurm before a time limit."""

_received = [int(signal.SIGINT)]  # the last signal


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


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End the process: a KeyboardInterrupt may become another error on its way through the modules that import."""
    remember_signal(number)
    os.write(2, b"error: stopped\n")
    os._exit(exit_code_of_signal())
