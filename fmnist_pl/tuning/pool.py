"""Worker processes on this machine: started, watched, replaced when they die, stopped with the search."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.tuning.configs import Config, with_overrides
from fmnist_pl.tuning.search import Search

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 60.0
PACKAGE_ROOT = Path(__file__).parents[2]


def cores_per_worker(workers: int) -> int:
    """This process' cores, divided."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // workers, 1)


def devices_of_workers(workers: int, per_device: int, accelerator: str = "auto") -> list[str | None]:
    """What each worker may see of the GPUs: one, in turn; ``None`` where there are none.

    Raises:
        UserError: There are more workers than the GPUs take.
    """
    count = torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 0
    if count == 0:
        return [None] * workers
    if workers > count * per_device:
        needed = -(-workers // count)
        raise UserError(
            f"{workers} workers on {count} GPU(s): let them share one with --workers-per-device {needed}, or start "
            f"{count * per_device}"
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in visible.split(",") if name.strip()] or [str(i) for i in range(count)]
    return [names[worker % count] for worker in range(workers)]


class Pool:
    """The workers of one search."""

    def __init__(self, search: Search, base: Config, respawns: int) -> None:
        """Args:
        search: What each works on.
        base: The complete base config.
        respawns: How many workers that died are replaced, at most.
        """
        self._task = json.dumps({"search": dataclasses.asdict(search), "base": base}, default=str)
        self._home, self._respawns = search.home, respawns
        accelerator = str(with_overrides(search, base)["trainer"]["accelerator"])
        self._devices = devices_of_workers(search.workers, search.workers_per_device, accelerator)
        self._threads = cores_per_worker(search.workers)
        self._processes: dict[int, subprocess.Popen[str]] = {}

    def run(self, on_look: Callable[[], None]) -> None:
        """Run the workers to the end of the study.

        Args:
            on_look: Called twice a second.

        Raises:
            StoppedError: The user stopped it.
            UserError: A worker found that the search cannot go on.
        """
        try:
            for worker in range(len(self._devices)):
                self._start(worker)
            while self._processes:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                on_look()
                self._look_after()
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
                [sys.executable, "-m", "fmnist_pl.search_worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, who then stop them
            )
        assert process.stdin is not None
        # by a pipe, since arguments, which may hold a password, are there for all to see; it stays open while we live
        process.stdin.write(self._task + "\n")
        process.stdin.flush()
        self._processes[worker] = process

    def _look_after(self) -> None:
        for worker, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self._processes[worker]
            if code > 0:
                raise UserError(self._last_line(worker))
            if code < 0 and self._respawns > 0:
                self._respawns -= 1
                print(f"worker {worker} was killed ({signal.Signals(-code).name}): another takes its place", flush=True)
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
        last = lines[-1] if lines else "it said nothing"
        told = last.startswith("error: ")
        return last.removeprefix("error: ") if told else f"worker {worker} broke off: {last} ({self._log(worker)})"
