"""System calls of a save: run it under strace with a fault, read the trace, check the order of its calls."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.saving_process import FILES, MESSAGES

CALLS = (
    "openat", "write", "writev", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "chmod", "fchmod",
    "fchmodat", "ftruncate", "unlink", "unlinkat", "mkdir", "mkdirat", "close",
)  # fmt: skip
"""Calls that change files, and those that open and close them; not every processor has all."""
WRITES = ("write", "writev", "pwrite64", "ftruncate")
TO_CHANGE = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|O_DIRECTORY")
LINE = re.compile(r"(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>.*)")
PATH = re.compile(r'"([^"]+)"|(?<!AT_FDCWD)<(/[^>]*)>')


@dataclass(frozen=True)
class Call:
    """One system call."""

    name: str
    number: int
    """Place among the calls of this name, from 1, as strace counts them."""
    paths: tuple[str, ...]
    """Absolute paths of its arguments, also of open files."""
    is_injected: bool
    """Whether strace let it fail."""
    is_change: bool
    """Whether it changes a file, or is the open or close of one to be changed, or of a folder to be synced; not
    if it fails (mkdir of a folder that exists)."""


@dataclass(frozen=True)
class Ended:
    """How a save ended."""

    code: int
    """Exit code; the negative number of the signal that killed it."""
    message: str
    calls: list[Call]
    """Its calls for the files that it saves; none if it ran without strace."""


class SavingProcess:
    """`tests.faults.saving_process`, as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / FILES
        self._messages, self._trace = folder / MESSAGES, folder / "trace"
        environment = {key: value for key, value in os.environ.items() if key != "FMNIST_DATA"}
        environment["OMP_NUM_THREADS"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.saving_process", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
        assert self._answer() == "ready", self._messages.read_text()

    def __enter__(self) -> "SavingProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def save(self, kind: str) -> Ended:
        """Save without strace."""
        os.kill(self._fork(kind), signal.SIGCONT)
        return Ended(int(self._answer()), self._messages.read_text(), [])

    def traced_save(self, kind: str, *faults: str) -> Ended:
        """Save under strace.

        Args:
            kind: Of the save.
            faults: Values of strace's option --inject.
        """
        process = self._fork(kind)
        options = [
            f"--trace={','.join(f'?{name}' for name in CALLS)}",
            *(f"--inject={fault}" for fault in faults),
            f"--attach={process}",
        ]
        strace = subprocess.Popen(
            ["strace", "--follow-forks", "--decode-fds=path", "--string-limit=0", f"--output={self._trace}", *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert strace.stderr is not None
        said = strace.stderr.readline()
        os.kill(process, signal.SIGCONT)
        code = int(self._answer())
        strace.communicate()
        assert "attached" in said, said
        calls = [call for call in read_calls(self._trace.read_text()) if self._is_of_a_file(call)]
        return Ended(code, self._messages.read_text(), calls)

    def _is_of_a_file(self, call: Call) -> bool:
        return any(path.startswith(str(self.files)) for path in call.paths)

    def _fork(self, kind: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kind}\n")
        self._process.stdin.flush()
        return int(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def read_calls(trace: str) -> Iterator[Call]:
    """The calls in the output of ``strace --follow-forks --decode-fds=path`` for a process of one thread."""
    counts: Counter[str] = Counter()
    opened_to_change: dict[str, bool] = {}
    for line in trace.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        name, arguments, result = match["name"], match["arguments"], match["result"]
        counts[name] += 1
        is_change = name not in ("openat", "close") and not result.startswith("-1")
        if name == "openat":
            is_change = opened_to_change[result.split("<")[0]] = bool(TO_CHANGE.search(arguments)) and result[0] != "-"
        elif name == "close":
            is_change = opened_to_change.get(arguments.split("<")[0], False)
        paths = tuple(quoted or opened for quoted, opened in PATH.findall(arguments))
        yield Call(name, counts[name], paths, "(INJECTED)" in result, is_change)


def mistakes_of_order(calls: list[Call]) -> list[str]:
    """What could lose a renamed file in a power cut: it, or the folder, was not synced."""
    mistakes = []
    unsynced: set[str] = set()
    renamed: dict[str, str] = {}
    for call in calls:
        if call.name in WRITES:
            unsynced.add(call.paths[0])
        elif call.name in ("fsync", "fdatasync"):
            unsynced.discard(call.paths[0])
            renamed = {target: folder for target, folder in renamed.items() if folder != call.paths[0]}
        elif call.name.startswith("rename"):
            source, target = call.paths[-2:]
            if source in unsynced:
                mistakes.append(f"{source} was renamed before it was synced")
            renamed[target] = str(Path(target).parent)
    return mistakes + [f"{folder} was not synced after {target} was renamed" for target, folder in renamed.items()]
