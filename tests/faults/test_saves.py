"""A save of each kind, killed at each of its system calls, and failed at each by a full and by a broken disk."""

import json
import re
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
import pytest
from optuna.trial import TrialState

from fmnist_pl.config import read_yaml
from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.reporting.runs import read_history, read_run
from fmnist_pl.tuning.storage import open_storage
from tests.faults.saves import KINDS, STUDY
from tests.faults.traced import WRITES, Call, Ended, SavingProcess, mistakes_of_order

pytestmark = pytest.mark.slow

DIGEST = re.compile(rb"\b[0-9a-f]{64}\b")

KILLED = "signal=KILL"
FULL, BROKEN = "error=ENOSPC", "error=EIO"
READ_ONLY = "?unlink,?unlinkat:error=EROFS"
"""After an error Linux may go on with the disk read-only: then the temporary file stays."""
ONE_LINE = re.compile(r"error: cannot write \S[^\n]*; [^\n]+\n")
LEFT_BY_A_KILL = re.compile(r"(^|/)\.[^/]+-[^/]+$|^temporary/|/workers/[^/]+\.lock$")
"""Names of temporary files and of the locks of workers."""
JOURNAL = f"journal/{STUDY}/journal.log"


class Saves(NamedTuple):
    """The process that saves, and its files before."""

    process: SavingProcess
    before: dict[str, bytes]


@pytest.fixture(scope="module")
def saves() -> Iterator[Saves]:
    _skip_without_strace()
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # thousands of syncs
    with tempfile.TemporaryDirectory(dir=in_memory) as folder, SavingProcess(Path(folder)) as process:
        yield Saves(process, read_files(process.files))


@pytest.mark.parametrize("kind", KINDS)
def test_a_save_that_is_killed_or_fails_leaves_whole_files(
    kind: str, saves: Saves, record_property: Callable[[str, object], None]
) -> None:
    process, before = saves
    restore_files(process.files, before)
    sound = process.traced_save(kind)
    assert (sound.code, sound.message) == (0, "")
    assert mistakes_of_order(sound.calls) == []
    after = read_files(process.files)
    changes = [call for call in sound.calls if call.is_change]
    assert sum(call.name in WRITES for call in changes) >= 1
    injected: Counter[str] = Counter()
    for call in changes:
        for faults in _faults(call):
            restore_files(process.files, before)
            ended = process.traced_save(kind, *faults)
            problem = _problem(kind, ended, faults, saves, after)
            assert not problem, f"{kind} {faults}, at {call}: {problem}\n{ended.message}"
            injected[call.name] += 1
    record_property("injected", dict(injected))
    print(f"{kind}: {injected.total()} faults at {len(changes)} calls: {dict(injected)}")


def test_the_files_of_each_save_can_be_read(saves: Saves) -> None:
    restore_files(saves.process.files, saves.before)
    for kind in KINDS:
        assert saves.process.save(kind).code == 0
    files = saves.process.files
    run = files / "dense/version_0"
    assert read_checkpoint(run / "checkpoints/last.ckpt").epoch == 1
    assert read_run(run).metrics["seed"] == 1
    assert len(read_history(run / "history.json")) == 2
    assert read_yaml(files / f"results/{STUDY}/best.yaml")["name"] == STUDY


def _faults(call: Call) -> Iterator[tuple[str, ...]]:
    """Values of strace's --inject for a call: each fault by itself, and a broken disk that is read-only then."""
    for fault in (BROKEN,) if call.name in ("close", "chmod", "fchmodat") else (KILLED, FULL, BROKEN):
        yield (f"{call.name}:{fault}:when={call.number}",)
    if call.name in (*WRITES, "fsync"):
        yield f"{call.name}:{BROKEN}:when={call.number}", READ_ONLY


def _problem(kind: str, ended: Ended, faults: tuple[str, ...], saves: Saves, after: dict[str, bytes]) -> str | None:
    """What is wrong after a fault; ``None`` if all is well."""
    process, before = saves
    killed = KILLED in faults[0]
    if ended.code != -signal.SIGKILL if killed else not any(call.is_injected for call in ended.calls):
        return "the fault did not happen"
    if not killed and (ended.code, ended.message) != (0, "") and not ONE_LINE.fullmatch(ended.message):
        return f"exit code {ended.code}, and no line that says what to do"
    now = read_files(process.files)
    if any(not _is_whole(name, now.get(name), before, after) for name in before | after if now.get(name)):
        return "a file is neither the old nor the new one"
    if ended.code == 0 and not _is_saved(kind, process.files, now, after):
        return "it ended without an error, and a file is not the new one"
    left = now.keys() - before.keys() - after.keys()
    may_stay = killed or READ_ONLY in faults or faults[0].startswith("unlink")
    if any(not may_stay or not LEFT_BY_A_KILL.search(name) for name in left):
        return f"it left {left}"
    if not killed and kind != "journal":
        return None
    again = process.save(kind)
    if kind == "export" and "exists already: remove it" in again.message:
        shutil.rmtree(process.files / "export")
        again = process.save(kind)
    if again.code != 0 or not _is_saved(kind, process.files, read_files(process.files), after):
        return f"the same save afterwards ended with {again.code} {again.message}"
    return None


def _is_whole(name: str, now: bytes | None, before: dict[str, bytes], after: dict[str, bytes]) -> bool:
    """Whether a file is bit for bit the old or the new one; of a journal, whether it begins with the old one."""
    if name == JOURNAL:
        return now is not None and now.startswith(before[name])
    return any(_is_same(name, now, content) for content in (before.get(name), after.get(name)))


def _is_same(name: str, now: bytes | None, content: bytes | None) -> bool:
    """Whether a file has this content; the header of safetensors has any order, and its card a digest."""
    if name.endswith(".safetensors") and now and content:
        return sorted(now) == sorted(content)
    if name.endswith(".safetensors.md") and now and content:
        return DIGEST.sub(b"", now) == DIGEST.sub(b"", content)
    return now == content


def _is_saved(kind: str, folder: Path, now: dict[str, bytes], after: dict[str, bytes]) -> bool:
    """Whether all files are the new ones; in the journal, whether no trial is lost."""
    if kind != "journal":
        return all(_is_same(name, now.get(name), content) for name, content in after.items())
    for line in now[JOURNAL].splitlines():
        json.loads(line)
    study = optuna.load_study(study_name=STUDY, storage=open_storage(None, (folder / JOURNAL).parent))
    return len(study.trials) in (2, 3) and all(trial.state == TrialState.COMPLETE for trial in study.trials)


def read_files(folder: Path) -> dict[str, bytes]:
    """The content of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def restore_files(folder: Path, files: dict[str, bytes]) -> None:
    """Bring back the files that `read_files` read, and remove all others."""
    now = read_files(folder)
    for name in now.keys() - files.keys():
        (folder / name).unlink()
    for name, content in files.items():
        if now.get(name) != content:
            (folder / name).write_bytes(content)


def _skip_without_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace here (Debian: apt-get install strace)")
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        command = ["strace", "--output=/dev/null", f"--attach={sleeper.pid}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            said = strace.stderr.readline()
            sleeper.kill()
    if "attached" not in said:
        pytest.skip(f"strace may not attach to a process here: {said.strip()}")
