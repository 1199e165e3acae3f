"""Worker processes on this machine: both ends of the pipe through which each receives its task.

A worker reads its task, a line of JSON, from its standard input. When that input ends, the command has died, and the
worker stops too.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fmnist_pl.console import exit_code_of
from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.start_up import SIGNALS, interrupt
from fmnist_pl.training.hardware import available_cores
from fmnist_pl.tuning.plan import Plan
from fmnist_pl.tuning.search import Limits, Search
from fmnist_pl.tuning.storage import one_line_storage_errors
from fmnist_pl.tuning.study import open_study
from fmnist_pl.tuning.worker import Worker

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 60.0
WORKERS_PER_CORE = 4
PACKAGE_ROOT = Path(__file__).parents[2]


def devices_of_workers(workers: int, per_device: int, accelerator: str = "auto") -> list[str | None]:
    """GPU of each worker, in turn, for CUDA_VISIBLE_DEVICES; ``None`` on the CPU.

    Raises:
        UserError: There are more workers than the cores can serve, or than the GPUs may have.
    """
    most = WORKERS_PER_CORE * available_cores()
    if workers > most:
        raise UserError(f"workers is {workers}: this machine has {available_cores()} cores; give at most {most}")
    count = torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 0
    if count == 0:
        return [None] * workers
    if workers > count * per_device:
        needed = -(-workers // count)
        raise UserError(
            f"{workers} workers on {count} GPUs: give --workers-per-device {needed}, or --workers {count * per_device}"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in visible.split(",") if name.strip()] or [str(i) for i in range(count)]
    return [names[worker % count] for worker in range(workers)]


def devices_of(plan: Plan) -> list[str | None]:
    """GPU of each worker of a plan.

    Raises:
        UserError: There are too many workers.
    """
    accelerator = str(plan.trial_config["trainer"]["accelerator"])
    return devices_of_workers(plan.search.workers, plan.search.workers_per_device, accelerator)


class Pool:
    """The worker processes of one search: started, watched, replaced when they die, stopped with the search."""

    def __init__(self, plan: Plan) -> None:
        search = plan.search
        self._task = json.dumps({"search": dataclasses.asdict(search), "base": plan.base}, default=str)
        self._home, self._respawns = search.home, 2 * plan.budget
        self._devices = devices_of(plan)
        self._threads = max(available_cores() // search.workers, 1)
        self._processes: dict[int, subprocess.Popen[str]] = {}

    def run(self, on_look: Callable[[], None]) -> None:
        """Run the workers until the budget is used up.

        Args:
            on_look: Called twice a second.

        Raises:
            StoppedError: The user stopped the search.
            UserError: A worker reported that the search cannot continue.
        """
        try:
            for worker in range(len(self._devices)):
                self._start(worker)
            while self._processes:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                on_look()
                self._check()
        except KeyboardInterrupt as error:
            raise StoppedError("stopped") from error
        finally:
            self._stop()

    def _start(self, worker: int) -> None:
        environment = dict(os.environ)
        environment["OMP_NUM_THREADS"] = str(self._threads)
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(PACKAGE_ROOT), environment.get("PYTHONPATH", "")])
        )
        device = self._devices[worker]
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        with self._log(worker).open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "fmnist_pl.tuning.worker_process"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                text=True,
                start_new_session=True,  # Ctrl-C reaches this process only, which then stops the workers
            )
        assert process.stdin is not None
        # by a pipe: the task may hold a password, and every user can see arguments; it closes when this process dies
        process.stdin.write(self._task + "\n")
        process.stdin.flush()
        self._processes[worker] = process

    def _check(self) -> None:
        for worker, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self._processes[worker]
            if code > 0:
                raise UserError(self._last_line(worker))
            if code < 0 and self._respawns > 0:
                self._respawns -= 1
                print(f"worker {worker} was killed ({signal.Signals(-code).name}) and is replaced", flush=True)
                self._start(worker)

    def _stop(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        end = time.monotonic() + SECONDS_TO_STOP
        for process in self._processes.values():
            try:
                process.wait(max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _log(self, worker: int) -> Path:
        folder = self._home / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"worker_{worker}.log"

    def _last_line(self, worker: int) -> str:
        lines = self._log(worker).read_text().strip().splitlines()
        last = lines[-1] if lines else "without output"
        if last.startswith("error: "):
            return last.removeprefix("error: ")
        return f"worker {worker} ended: {last} (see {self._log(worker)})"


def work_on_task() -> int:
    """Main function of a worker process: run the task on standard input.

    Returns:
        Exit code: 0, or 1 after an error, which the last line of the log states.
    """
    for kind in SIGNALS:  # SIGINT too, which background jobs of a script ignore
        signal.signal(kind, interrupt)
    task = json.loads(sys.stdin.readline())
    keys = task["search"]
    search = Search(**keys | {"folder": Path(keys["folder"]), "limits": Limits(**keys["limits"])})
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    return exit_code_of(lambda: _work(Plan(search, task["base"])))


def _work(plan: Plan) -> None:
    with one_line_storage_errors(), contextlib.suppress(StoppedError):
        Worker(open_study(plan), torch.get_num_threads()).run()


def _stop_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(SECONDS_TO_STOP)
    os._exit(1)
