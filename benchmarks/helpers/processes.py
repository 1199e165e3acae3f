"""Processes that a benchmark starts and times."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from fmnist_pl.errors import UserError

ROOT = Path(__file__).parents[2]


class EpochProcess:
    """Process that trains one epoch each time it is told to, by a script in ``epochs/``.

    Several of them can be timed in turn on one machine: a process that is not training waits for its next line of
    input, which holds arguments of one epoch. For each line the script prints ``seconds`` and a number.
    """

    def __init__(self, name: str, script: str, *arguments: str, python: str = sys.executable) -> None:
        """Args:
        name: Name in tables.
        script: File in ``epochs/``, without ``.py``.
        arguments: Arguments of the script.
        python: Python interpreter, of another environment for Keras.
        """
        self.name = name
        path = ROOT / "benchmarks" / "epochs" / f"{script}.py"
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [python, str(path), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def train_epoch(self, *more: str) -> float:
        """Train one epoch and return its seconds.

        Args:
            more: Arguments of this epoch, after those of the process; not for Keras.

        Raises:
            UserError: The process has ended.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{shlex.join(more)}\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise UserError(f"{self.name}: the process ended with code {process.wait()}; its messages are above")

    def close(self) -> None:
        """End the process and free its memory."""
        self._process.communicate()


def command_seconds(command: list[str]) -> float:
    """Seconds of a command from start to end; its output is discarded, its errors are shown.

    Raises:
        UserError: The command fails.
    """
    start = time.perf_counter()
    code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    if code:
        raise UserError(f"code {code}, messages above, from: {' '.join(command)}")
    return time.perf_counter() - start
