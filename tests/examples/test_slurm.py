"""The scripts of examples/slurm, run as Slurm runs them; programs in slurm_programs stand for Slurm's."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import NO_PICTURES, ROOT, SMALL, weights
from tests.tuning.test_workers import running, trials_of, wait_for

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "slurm_programs"
FIT = ["--config", "dense.yaml", *SMALL, *NO_PICTURES, "--data.batch_size", "6", "--trainer.max_epochs", "3"]
STEPS = 90  # per epoch
LONG = 500  # seconds: the machine may be busy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "slurm").mkdir()
    path = os.pathsep.join([str(PROGRAMS), str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": path, "FAKE_SLURM": str(tmp_path / "slurm"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return os.environ | own | {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def sbatch(checkout: Path, environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Submit a script of the examples; the process ends with the job, after all of its restarts."""

    def submit(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        jobs.append(
            subprocess.Popen(
                ["sbatch", *arguments], cwd=checkout, env=environment | variables, text=True, start_new_session=True
            )
        )
        return jobs[-1]

    jobs: list[subprocess.Popen[str]] = []
    yield submit
    for job in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.wait()


def signal_before_the_time_limit(folder: Path) -> None:
    """Do as Slurm with --signal=USR1@120: signal every task of the first job."""
    first = min((folder / "slurm").glob("tasks-*"), key=lambda path: path.stat().st_mtime)
    for process in first.read_text().split():
        os.kill(int(process), signal.SIGUSR1)


def code_of(process: subprocess.Popen[Any]) -> int:
    return process.wait(timeout=LONG)


def log_of(folder: Path) -> str:
    return "\n".join(path.read_text() for path in folder.glob("*.out"))


def test_a_fit_on_two_nodes_is_requeued_and_ends_as_one_under_torchrun(
    sbatch: Callable[..., subprocess.Popen[str]], checkout: Path, environment: dict[str, str]
) -> None:
    job = sbatch("examples/slurm/fit.sbatch", *FIT)
    wait_for(lambda: "epoch   1/3" in log_of(checkout), LONG)
    time.sleep(0.1)
    signal_before_the_time_limit(checkout)
    code, log = code_of(job), log_of(checkout)
    assert code == 0, log
    name = next(checkout.glob("fmnist-fit-*.out")).stem
    assert (checkout / "slurm/requeued").read_text().split() == [name.removeprefix("fmnist-fit-")]
    runs = checkout / "runs" / name
    assert sorted(path.name for path in runs.iterdir()) == ["version_0", "version_1"], "one folder for both processes"
    saved = torch.load(runs / "version_0/checkpoints/last.ckpt", weights_only=True)
    assert saved["global_step"] % STEPS > 0, "in the middle of an epoch"
    once = ["no stopped run", "SIGUSR1: ", "error: stopped", f"continues runs/{name}/version_0", "epoch   3/3"]
    assert [log.count(text) for text in once] == [1] * len(once), log
    assert "Traceback" not in log
    assert "GLOBAL_RANK" not in log

    done = torchrun(checkout, environment, "--trainer.devices", "2", "--trainer.strategy", "ddp", "--name", "whole")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch   3/3") == done.stdout.count("files: runs/whole/version_0") == 1
    assert "GLOBAL_RANK" not in done.stderr
    whole = checkout / "runs/whole"
    assert [path.name for path in whole.iterdir()] == ["version_0"]
    one, two = (weights(run / "checkpoints/last.ckpt") for run in (runs / "version_1", whole / "version_0"))
    assert all(torch.equal(one[key], two[key]) for key in one), "bit for bit"
    one, two = (json.loads((run / "metrics.json").read_text()) for run in (runs / "version_1", whole / "version_0"))
    assert (one["devices"], one["test"]) == (two["devices"], two["test"])


def torchrun(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["torchrun", "--standalone", "--nproc-per-node", "2", "train.py", "fit", *FIT, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONG)


def test_torchrun_without_the_devices_is_one_clear_line(checkout: Path, environment: dict[str, str]) -> None:
    done = torchrun(checkout, environment)
    assert done.returncode != 0
    assert "2 processes were started, but this run uses 1: give --trainer.devices" in done.stderr
    assert not (checkout / "runs").exists()


def test_a_search_as_an_array_is_requeued(
    sbatch: Callable[..., subprocess.Popen[str]], checkout: Path, quick_search: list[str], postgres: str
) -> None:
    home = checkout / "runs/tune/array"
    command = [*quick_search, "--study-name", "array", "--n-trials", "6"]
    job = sbatch("--array=0-1", "examples/slurm/search.sbatch", *command, FMNIST_STORAGE=postgres)
    wait_for(lambda: running(home, postgres), LONG)
    signal_before_the_time_limit(checkout)
    code, log = code_of(job), log_of(checkout)
    assert code == 0, log
    assert len((checkout / "slurm/requeued").read_text().split()) == 1
    trials = trials_of(home, postgres)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert {trial.user_attrs["attempts"] for trial in trials} == {1}, "to be stopped is no failed attempt"
    assert len({trial.user_attrs["worker"] for trial in trials}) >= 2
    assert log.count("error: stopped") == 1
    assert "Traceback" not in log
    assert not list(home.glob("journal.log*"))


def test_a_search_without_a_database_is_refused(
    sbatch: Callable[..., subprocess.Popen[str]], checkout: Path, quick_search: list[str]
) -> None:
    assert code_of(sbatch("--array=0-1", "examples/slurm/search.sbatch", *quick_search)) != 0
    assert "FMNIST_STORAGE: give it" in log_of(checkout)
