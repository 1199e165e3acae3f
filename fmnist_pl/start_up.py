"""Import the modules of a command a second sooner, and end in one line if the user stops it meanwhile."""

import atexit
import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


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


def _stop(*_: object) -> NoReturn:
    """End the process: a KeyboardInterrupt may become another error on its way through the modules that import."""
    os.write(2, b"error: stopped\n")
    os._exit(130)  # as after Ctrl-C later on (console.exit_code_of)
