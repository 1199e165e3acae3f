"""A process that prepares a save of each kind, and forks for each save: importing PyTorch anew would take seconds.

``python -m tests.faults.saving_process FOLDER``. When it is ready it prints a line. For each line of input, a kind, it
forks; the fork stops itself (SIGSTOP), so that strace can attach, and saves when it is continued. The process prints
the number of the fork and, after it has ended, its exit status. The files are in FOLDER/files, the messages of the last
fork in FOLDER/messages.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

from fmnist_pl.console import exit_code_of
from tests.faults.saves import Save, prepare

FILES, MESSAGES = "files", "messages"
TRACEBACK = 70  # exit code of a save that ends with a traceback


def main(folder: Path) -> None:
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    _redirect(folder)
    temporary = folder / FILES / "temporary"
    temporary.mkdir(parents=True)
    tempfile.tempdir = str(temporary)
    saves = prepare(folder / FILES)
    for save in saves.values():
        save(0)
    print("ready", file=tell)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _save_and_exit(saves[line.strip()], folder)
        os.waitpid(process, os.WUNTRACED)
        print(process, file=tell)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), file=tell)


def _save_and_exit(save: Save, folder: Path) -> None:
    _redirect(folder)
    os.kill(os.getpid(), signal.SIGSTOP)
    code = TRACEBACK
    try:
        code = exit_code_of(lambda: save(1))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(folder: Path) -> None:
    """Write standard output nowhere, and standard error to the file of messages."""
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(folder / MESSAGES, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
