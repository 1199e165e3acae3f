"""Which workers are alive: a lock file that each holds, and, across machines, a beat in the storage."""

import contextlib
import os
import secrets
import socket
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

BEAT = "beat"
SECONDS_BETWEEN_BEATS = 15.0
SECONDS_UNTIL_DEAD = 120.0


class Presence:
    """This process as a worker: alive for as long as its lock is held, which no kill can prevent from falling."""

    def __init__(self, home: Path) -> None:
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        path = _lock_path(self.worker, home)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = path, FileLock(path)
        self._lock.acquire()

    def leave(self) -> None:
        """End the presence."""
        self._lock.release()
        self._path.unlink(missing_ok=True)


def is_alive_here(worker: str, home: Path) -> bool | None:
    """Whether a worker that was started in this folder lives; ``None`` for one that this folder does not know."""
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


class Heart:
    """Lets other machines see that a trial is being worked on: counts up in the storage, in a thread."""

    def __init__(self, storage: BaseStorage, trial_id: int) -> None:
        self._storage, self._trial_id = storage, trial_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        beats = 0
        while not self._stop.wait(SECONDS_BETWEEN_BEATS):
            beats += 1
            with contextlib.suppress(Exception):  # a storage that is away for a while is no death of ours
                self._storage.set_trial_user_attr(self._trial_id, BEAT, beats)


class BeatWatch:
    """Watches the beats of other machines' trials: one that stands still is dead. No clocks are compared."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, float]] = {}

    def has_stopped(self, trial: FrozenTrial) -> bool:
        """Whether the trial's beat has stood still, under this watch, for too long."""
        beat, now = tuple(trial.user_attrs.get(name) for name in ("worker", "attempts", BEAT)), time.monotonic()
        if trial.number not in self._seen or self._seen[trial.number][0] != beat:
            self._seen[trial.number] = beat, now
        return now - self._seen[trial.number][1] > SECONDS_UNTIL_DEAD


def _lock_path(worker: str, home: Path) -> Path:
    return home / "workers" / f"{worker}.lock"
