"""Run an entry point on hostile input and hold it to its promises.

It succeeds or says in one line what is wrong; it takes no more than some memory and time; it writes nothing outside of
the working folder, starts no program and opens no connection.
"""

import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from fmnist_pl.console import exit_code_of

MEMORY = 2 * 2**30  # bytes of address space beyond what the process has before
CPU_SECONDS = 20.0
SECONDS = 180  # on a busy machine
LONGEST_LINE = 2_000  # characters of an error
STATM = Path("/proc/self/statm")  # Linux

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
PATHS_OF = {"os.mkdir": [0], "os.rename": [0, 1], "os.remove": [0], "os.rmdir": [0], "os.link": [1], "os.symlink": [1]}
"""Audit event -> places of the paths that it changes."""
NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "socket.getaddrinfo")

_folder: Path | None = None  # the working folder while an entry point runs
_misdeeds: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _folder is None:
        return
    paths = [arguments[place] for place in PATHS_OF.get(event, ())]
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        paths = [arguments[0]]
    for path in paths:
        if isinstance(path, str | bytes) and not _is_inside(os.fsdecode(path)):
            _misdeeds.append(f"{event} {path!r}")
    if event in NEVER:
        _misdeeds.append(f"{event} {arguments!r:.200}")
        raise PermissionError(event)


def _is_inside(path: str) -> bool:
    if "\0" in path or path == os.devnull:
        return True
    return Path(os.path.realpath(path)).is_relative_to(str(_folder))


sys.addaudithook(_audit)  # for the life of the process; it does nothing while `_folder` is None


def run(entry_point: Callable[[], object]) -> str:
    """Call an entry point as a command line does, in a new working folder.

    Args:
        entry_point: Raises a UserError for input that it refuses, or is the ``main`` of a command.

    Returns:
        Its line of error, without ``error: ``; empty after success.
    """
    with working_folder():
        return run_here(entry_point)


def run_here(entry_point: Callable[[], object]) -> str:
    """`run` in the present working folder."""
    global _folder
    errors, code = io.StringIO(), [0]

    def call() -> None:
        returned = entry_point()
        code[0] = returned if type(returned) is int else 0  # of a ``main``, which has caught its UserError

    _misdeeds.clear()
    started, threads = time.process_time(), torch.get_num_threads()
    before = list(Path.cwd().parent.iterdir())
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()), _bounded():
        _folder = Path.cwd().resolve()
        try:
            caught = exit_code_of(call)
        except SystemExit as ended:  # --help and the like
            caught = int(ended.code or 0)
        finally:
            _folder = None
            torch.set_num_threads(threads)
    seconds = time.process_time() - started
    text = errors.getvalue()
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    assert not _misdeeds, _misdeeds
    assert list(Path.cwd().parent.iterdir()) == before, "it wrote beside the working folder"
    assert "Traceback" not in text, text
    assert seconds < CPU_SECONDS, f"it took {seconds:.0f} s"
    if (caught or code[0]) == 0:
        assert not lines, text
        return ""
    assert (caught or code[0]) in (1, 2), (caught, code)
    assert len(lines) == 1, text
    line = lines[0].removeprefix("error: ")
    assert line.isprintable(), ascii(line)
    assert 10 < len(line) < LONGEST_LINE, f"{len(line)} characters: {line[:300]} ... {line[-300:]}"
    assert "out of memory" not in line, line
    return line


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A new working folder, alone in its own folder; temporary files lie in it too."""
    before, temporary = Path.cwd(), tempfile.tempdir
    outer = Path(tempfile.mkdtemp(prefix="property-"))
    inner = outer / "work"
    inner.mkdir()
    os.chdir(inner)
    tempfile.tempdir = str(inner)
    try:
        yield inner
    finally:
        tempfile.tempdir = temporary
        os.chdir(before)
        shutil.rmtree(outer, ignore_errors=True)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Bound the memory, and the time of what hangs."""

    def hang(*_: object) -> None:
        raise AssertionError(f"it took more than {SECONDS} s")

    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    if STATM.exists():
        size = int(STATM.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
