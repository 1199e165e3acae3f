"""Storage of a study: a journal file in its folder, or a database; and the lock that its workers share."""

import errno
import json
import os
import re
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

from fmnist_pl.errors import DISK_ERRORS, UserError

JOURNAL = "journal.log"
JOURNAL_START = b'{"op_code"'
SECONDS_TO_CONNECT = 10
STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError)
NOT_WRITABLE = DISK_ERRORS | {errno.EACCES, errno.ENOTDIR, errno.ELOOP}
DRIVERS = {"postgresql": "postgresql+psycopg"}


ADDRESS = "write postgresql://USER:PASSWORD@HOST/DATABASE"


def hide_passwords(text: str) -> str:
    """Text that may contain addresses of databases, for messages."""
    text = re.sub(r"(://[^\s:/@]*):\S*@", r"\1:***@", text)
    return re.sub(r"(password\W{1,4})[^\s&'\"]+", r"\1***", text, flags=re.IGNORECASE)


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
    """Report a storage that stops answering in the middle of a search, or a full disk, as a UserError."""
    try:
        yield
    except STORAGE_ERRORS as error:
        reason = hide_passwords(str(error).splitlines()[0][:200])
        raise UserError(f"the storage no longer answers ({reason}): run the same command again to continue") from error
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise UserError(
            f"cannot write {error.filename or 'the study'}: {error.strerror}; mend it, and run the same command again"
        ) from error


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
        try:
            _repair_last_line(self._journal)
        except OSError:  # the caller releases only what it has acquired
            self._lock.release()
            raise
        return True

    def release(self) -> None:
        self._lock.release()


def _repair_last_line(journal: Path) -> None:
    """Remove what a killed process left after the last newline, or add the newline that alone is missing."""
    with journal.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        content = file.read()
        start = content.rfind(b"\n") + 1
        if _is_entry(content[start:]):
            file.write(b"\n")
        elif content.startswith(JOURNAL_START):  # never a file that this project did not write
            file.truncate(start)


def _is_entry(line: bytes) -> bool:
    try:
        return "op_code" in json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return False


def _open_journal(path: Path) -> BaseStorage:
    problem = f"{path} is not the journal of a study, or is broken: give --study-name, or move it"
    try:
        if path.exists() and not path.is_file():
            raise UserError(problem)
        if path.exists() and path.stat().st_size:
            with path.open("rb") as file:
                if file.read(len(JOURNAL_START)) != JOURNAL_START:
                    raise UserError(problem)
        lock = cast(Any, _JournalLock(path))  # Optuna calls acquire and release; its base class is not public
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot write the study's folder {path.parent}: {error.strerror}; choose --folder") from error
    except Exception as error:  # whatever Optuna raises on a file that it did not write
        raise UserError(problem) from error


def _open_database(url: str) -> BaseStorage:
    try:
        parsed = sqlalchemy.make_url(url)
    except (SQLAlchemyError, ValueError) as error:
        raise UserError(f"storage is not a database address: {ADDRESS}") from error
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
            f"storage {shown} needs a driver ({error.name}): pip install -e '.[postgresql]' in the checkout"
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"storage {shown} is of another version of Optuna: run optuna storage upgrade, install that version, or "
            "give another database"
        ) from error
    except (SQLAlchemyError, ValueError, TypeError) as error:
        lines = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"storage {shown} does not answer: {hide_passwords(lines[-1].strip())}") from error
