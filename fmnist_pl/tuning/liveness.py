"""Which workers are alive: a lock file of each on its machine, and a heartbeat in the storage for other machines."""

import contextlib
import os
import secrets
import socket
import threading
import time
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial

HEARTBEAT = "heartbeat"
SECONDS_BETWEEN_HEARTBEATS = 15.0
SECONDS_UNTIL_DEAD = 120.0
LONGEST_WORKER = 200


class WorkerLock:
    """Identity of this worker, and a lock file that the operating system releases when the process dies."""

    def __init__(self, home: Path) -> None:
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        path = _lock_path(self.worker, home)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = path, FileLock(path)
        self._lock.acquire()

    def release(self) -> None:
        """Release the lock and remove its file."""
        self._lock.release()
        self._path.unlink(missing_ok=True)


def is_of_this_machine(worker: object) -> bool:
    """Whether a worker was started on this machine."""
    return str(worker).rpartition("-")[0].rpartition("-")[0] == socket.gethostname()


def is_alive_here(worker: object, home: Path) -> bool | None:
    """Whether a worker that was started in this folder is alive; ``None`` if this folder has no such worker."""
    if not isinstance(worker, str) or Path(worker).name != worker or len(worker) > LONGEST_WORKER:
        return None  # the storage of someone else may name any file
    path = _lock_path(worker, home)
    if not path.exists():
        return None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    path.unlink(missing_ok=True)
    return False


class Heartbeat:
    """Renews the claim on a trial while its training runs: a thread that counts up in the storage."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(SECONDS_BETWEEN_HEARTBEATS):
            count += 1
            with contextlib.suppress(Exception):  # the storage may be away for a while
                self._trial.set_user_attr(HEARTBEAT, count)


class HeartbeatMonitor:
    """Watches the trials of other machines. It measures with its own clock only, since clocks differ."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, float]] = {}

    def has_stopped(self, trial: FrozenTrial) -> bool:
        """Whether the heartbeat of a trial has not changed for `SECONDS_UNTIL_DEAD` under this monitor."""
        now = time.monotonic()
        state = tuple(trial.user_attrs.get(name) for name in ("worker", "attempts", HEARTBEAT))
        if trial.number not in self._seen or self._seen[trial.number][0] != state:
            self._seen[trial.number] = state, now
        return now - self._seen[trial.number][1] > SECONDS_UNTIL_DEAD


def _lock_path(worker: str, home: Path) -> Path:
    return home / "workers" / f"{worker}.lock"
