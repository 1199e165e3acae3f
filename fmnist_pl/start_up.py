"""Import the modules of a command a second sooner, and end in one line if the user stops it meanwhile."""

import atexit
import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
"""Signals that stop a program: SIGTERM from Slurm, Kubernetes and torchrun, SIGUSR1 from Slurm before its time limit."""


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


def _stop(*_: object) -> NoReturn:
    """End the process: a KeyboardInterrupt may become another error on its way through the modules that import."""
    os.write(2, b"error: stopped\n")
    os._exit(130)  # as after Ctrl-C later on (console.exit_code_of)
