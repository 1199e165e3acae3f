"""A whole command, timed."""

import subprocess
import sys
import time


def command_seconds(command: list[str]) -> float:
    """Seconds of a command from its start to its end; what it prints is let go, but for its errors.

    The program ends with a line where the command fails.
    """
    start = time.perf_counter()
    code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    if code:
        sys.exit(f"error: this ended with code {code}, what it said is above: {' '.join(command)}")
    return time.perf_counter() - start
