"""One worker as a process of its own: ``python -m fmnist_pl.search_worker``, started by `pool`.

It reads its task, a line of JSON, from its input; when its input ends, whoever started it is gone, and it stops too.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch

from fmnist_pl.errors import StoppedError
from fmnist_pl.tuning.configs import Config
from fmnist_pl.tuning.exit_code import exit_code_of
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.space import Space
from fmnist_pl.tuning.study import open_study
from fmnist_pl.tuning.worker import work

SECONDS_TO_STOP = 60.0


def main() -> int:
    """Work until the study ends.

    Returns:
        The exit code: 0, or 1 after an error that is told in the last line.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background jobs inherit that it is ignored
    task = json.loads(sys.stdin.readline())
    search = Search(**task["search"] | {"folder": Path(task["search"]["folder"])})
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    return exit_code_of(lambda: _work(search, task["base"]))


def _work(search: Search, base: Config) -> None:
    with contextlib.suppress(StoppedError):  # whoever stopped us knows
        work(open_study(search, base, Space(search.space)), torch.get_num_threads())


def _stop_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(SECONDS_TO_STOP)
    os._exit(1)
