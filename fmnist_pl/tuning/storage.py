"""Storage of a study: a journal file in its folder, or a database; and the lock that its workers share."""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import sqlalchemy
from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from fmnist_pl.errors import UserError

JOURNAL = "journal.log"
SECONDS_TO_CONNECT = 10
STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError)
DRIVERS = {"postgresql": "postgresql+psycopg"}


def open_storage(url: str | None, home: Path) -> BaseStorage:
    """Open the storage of a study; create it if it does not exist.

    Args:
        url: ``None`` for the journal in the study's folder, else a PostgreSQL database, or SQLite for one worker.
        home: The study's folder.

    Raises:
        UserError: The storage does not answer, is broken, or is of an unsupported kind.
    """
    return _open_journal(home / JOURNAL) if url is None else _open_database(url)


@contextmanager
def one_line_storage_errors() -> Iterator[None]:
    """Report a storage that stops answering in the middle of a search as a UserError."""
    try:
        yield
    except STORAGE_ERRORS as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"the storage no longer answers ({reason}): run the same command again to continue") from error


@contextmanager
def study_lock(storage: BaseStorage, home: Path, study_name: str) -> Iterator[None]:
    """Hold the lock of a study over all of its processes and machines; it is released when its holder dies."""
    if not isinstance(storage, RDBStorage) or storage.engine.dialect.name != "postgresql":
        with FileLock(home / ".lock"):
            yield
        return
    key = zlib.crc32(f"fmnist_pl {study_name}".encode())
    with storage.engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_unlock(:key)"), {"key": key})


class _JournalLock:
    """Lock for Optuna's journal that is released when its holder dies, and then repairs what the holder left.

    Optuna's locks block for half a minute after a worker is killed, and an incomplete last line breaks the journal.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = FileLock(journal.with_suffix(".lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        _cut_incomplete_line(self._journal)
        return True

    def release(self) -> None:
        self._lock.release()


def _cut_incomplete_line(journal: Path) -> None:
    """Remove what a killed process left after the last newline."""
    with journal.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def _open_journal(path: Path) -> BaseStorage:
    try:
        lock = cast(Any, _JournalLock(path))  # Optuna calls acquire and release; its base class is not public
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except OSError as error:
        raise UserError(f"cannot write the study's folder {path.parent}: {error.strerror}; choose --folder") from error
    except (json.JSONDecodeError, ValueError, KeyError, AssertionError) as error:
        raise UserError(f"{path} is not the journal of a study, or is broken: give --study-name, or move it") from error


def _open_database(url: str) -> BaseStorage:
    try:
        parsed = sqlalchemy.make_url(url)
    except (SQLAlchemyError, ValueError) as error:
        raise UserError("storage is not a database address: write postgresql://USER:PASSWORD@HOST/DATABASE") from error
    kind = parsed.get_backend_name()
    if kind not in ("postgresql", "sqlite"):
        raise UserError(f"storage {kind} is not supported: give postgresql://.., or omit it for a journal file")
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    options: dict[str, Any] = {"pool_pre_ping": True}
    if kind == "postgresql":
        options["connect_args"] = {"connect_timeout": SECONDS_TO_CONNECT}
    try:
        return RDBStorage(parsed.render_as_string(hide_password=False), engine_kwargs=options)
    except ImportError as error:
        raise UserError(
            f"storage {shown} needs a driver ({error.name}): pip install 'fmnist_pl[postgresql]'"
        ) from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[-1].strip()
        raise UserError(f"storage {shown} does not answer: {reason}") from error
