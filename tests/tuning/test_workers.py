"""Several workers, killed workers, stopped searches: no trial lost, none doubled, the budget exact."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.pool import devices_of_workers
from fmnist_pl.tuning.storage import open_storage
from tests.conftest import ROOT
from tests.tuning.postgres import find_postgres, serve_postgres

SLOW = ["--epochs", "40"]
"""Trials of about two seconds, so that there is time to kill one."""


def trials_of(home: Path, storage: str | None = None) -> list[FrozenTrial]:
    """The trials so far; none before the study is there."""
    if storage is None and not (home / "journal.log").exists():
        return []
    opened = open_storage(storage, home)
    try:
        return optuna.load_study(study_name=home.name, storage=opened).trials
    except KeyError:
        return []
    finally:
        if isinstance(opened, RDBStorage):
            opened.engine.dispose()


def wait_for(what: Callable[[], Any], seconds: float = 90) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen")


def process_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["worker"].rsplit("-", 2)[1])


def running(home: Path, storage: str | None = None) -> list[FrozenTrial]:
    """Trials that are well under way."""
    trials = trials_of(home, storage)
    return [t for t in trials if t.state == TrialState.RUNNING and "worker" in t.user_attrs and t.intermediate_values]


def assert_all_done(trials: list[FrozenTrial], budget: int) -> None:
    assert [trial.number for trial in trials] == list(range(budget)), "the budget, exactly"
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    tried = [str(sorted(trial.params.items())) for trial in trials]
    assert len(set(tried)) == budget, "none doubled"


def run_and_kill_one(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, home: Path, *more: str
) -> str:
    """Two workers, of whom one is killed when it is in the middle of a trial: what the command said."""
    storage = more[more.index("--storage") + 1] if "--storage" in more else None
    process = tune_program(
        "--config", str(quick_file), "--n-trials", "6", "--workers", "2", "--pruner", "none", *SLOW, *more
    )
    try:
        victim = wait_for(lambda: running(home, storage))[0]
        os.kill(process_of(victim), signal.SIGKILL)
        out, err = process.communicate(timeout=180)
    finally:
        process.kill()
    assert process.returncode == 0, err
    trials = trials_of(home, storage)
    assert_all_done(trials, 6)
    assert trials[victim.number].user_attrs["attempts"] == 2
    assert sum(trial.user_attrs["attempts"] for trial in trials) == 7
    before = {trial.user_attrs["worker"] for trial in trials} | {victim.user_attrs["worker"]}
    assert len(before) == 3, "two, and the one that took the place of the killed one"
    return out


@pytest.mark.slow
def test_two_workers_of_whom_one_is_killed(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path
) -> None:
    out = run_and_kill_one(tune_program, quick_file, tmp_path / "runs/tune/quick")
    assert "was killed (SIGKILL)" in out
    assert "6/6" in out


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, on this machine."""
    if find_postgres() is None:
        pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")
    with serve_postgres() as url:
        yield url


@pytest.mark.slow
def test_the_same_on_postgresql(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path, postgres: str
) -> None:
    run_and_kill_one(tune_program, quick_file, tmp_path / "runs/tune/quick", "--storage", postgres)


@pytest.mark.slow
def test_two_machines_on_postgresql_share_one_budget(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path, postgres: str
) -> None:
    # two folders stand for two machines: neither sees the other's locks
    both = ["--config", str(quick_file), "--storage", postgres, "--study-name", "both", "--n-trials", "6"]
    processes = [tune_program(*both, "--pruner", "none", *SLOW, "--folder", f"machine_{i}") for i in (1, 2)]
    for process in processes:
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
    trials = trials_of(tmp_path / "machine_1/both", postgres)
    assert_all_done(trials, 6)
    assert len({trial.user_attrs["worker"] for trial in trials}) == 2
    for i in (1, 2):
        assert (tmp_path / f"machine_{i}/both/best.yaml").exists(), "each machine has the results"


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_then_the_same_command(
    workers: str, tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path
) -> None:
    home = tmp_path / "runs/tune/quick"
    command = ["--config", str(quick_file), "--n-trials", "4", "--workers", workers, "--pruner", "none", *SLOW]
    process = tune_program(*command)
    stopped = wait_for(lambda: running(home))[0]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    assert re.search("of 4 trials are done.* same command", err)
    assert "Traceback" not in err
    trials = trials_of(home)
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING], "nothing stays RUNNING"
    _, err = process_end(tune_program(*command))
    trials = trials_of(home)
    assert_all_done(trials, 4)
    assert trials[stopped.number].user_attrs["attempts"] == 1, "to be stopped is no failed attempt"


@pytest.mark.slow
def test_kill_9_then_the_same_command(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path
) -> None:
    home = tmp_path / "runs/tune/quick"
    command = ["--config", str(quick_file), "--n-trials", "4", "--workers", "2", "--pruner", "none", *SLOW]
    process = tune_program(*command)
    worker = process_of(wait_for(lambda: running(home))[0])
    process.kill()
    process.communicate()
    wait_for(lambda: not _is_there(worker))  # workers do not outlive the command
    process_end(tune_program(*command))
    assert_all_done(trials_of(home), 4)


def process_end(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def _is_there(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def test_gpus_are_dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert devices_of_workers(2, 1) == ["0", "1"]
    assert devices_of_workers(4, 2) == ["0", "1", "0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-abc")
    assert devices_of_workers(2, 1) == ["5", "GPU-abc"]
    assert devices_of_workers(4, 1, "cpu") == [None] * 4
    with pytest.raises(UserError, match="4 workers.*--workers-per-device 2"):
        devices_of_workers(4, 1)


def test_no_more_workers_than_the_cores_can_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_pl.tuning.pool.available_cores", lambda: 2)
    assert devices_of_workers(8, 1, "cpu") == [None] * 8
    for accelerator in ("cpu", "auto"):
        with pytest.raises(UserError, match="workers is 9: .*2 cores; give at most 8"):
            devices_of_workers(9, 100, accelerator)


def test_a_worker_process_imports_nothing_heavy_before_its_quick_imports() -> None:
    heavy = "torch", "lightning", "optuna", "jsonargparse"
    script = f"import sys, fmnist_pl.tuning; sys.exit(str([name for name in {heavy} if name in sys.modules] or ''))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == ""
