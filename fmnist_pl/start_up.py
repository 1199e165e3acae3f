"""What a command does before anything else: import its modules, a second sooner."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector, which goes through all of it again and again and finds next to nothing.

    What has been imported stays to the end, so that no later collection goes through it either. For the start of a
    program alone: it holds for all objects of the process (benchmarks/once/start_up.py).
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # extension modules complain of whatever is left when the process ends
        gc.enable()
