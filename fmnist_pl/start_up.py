"""What a command does before anything else: import its modules, in three quarters of the time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector, which goes through all of it again and again and finds next to nothing.

    What has been imported stays to the end, so that no later collection goes through it either, nor that of the exit.
    For the start of a program alone: it holds for all objects of the process (benchmarks/start_up.py).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
