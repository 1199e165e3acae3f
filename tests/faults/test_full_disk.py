"""train.py and tune.py on a full disk: one line, no damaged file, and the same command goes on once there is space."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from fmnist_pl.config import read_yaml
from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.tuning.storage import open_storage
from tests.conftest import NO_PICTURES, ROOT, SMALL
from tests.tuning.conftest import QUICK, RATE

pytestmark = pytest.mark.slow

MEGABYTES = 4  # size of the disk
FIT = [
    str(ROOT / "train.py"), "fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, "--data.synthetic_size", "200",
    "--model.hidden_sizes", "[8]", "--trainer.max_epochs", "2",
]  # fmt: skip
TRIALS = 3
TUNE = [str(ROOT / "tune.py"), "--config", "../search.yaml", "--n-trials", str(TRIALS), "--study-name", "full"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if mounted.returncode:
        pytest.skip(f"a disk in memory cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def search_file(tmp_path: Path) -> None:
    keys = {"base": "dense.yaml", "space": RATE, "epochs": 1, "overrides": QUICK, "refit": False}
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(keys))


def leave_space(disk: Path, kilobytes: int) -> None:
    """Fill a disk up to some KB."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    status = os.statvfs(disk)
    filler.write_bytes(bytes(status.f_bavail * status.f_frsize - kilobytes * 1024))


def run(command: list[str], folder: Path, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program of ours in a folder, with a limit on the KB of each file that it writes."""
    limit = [] if largest_file is None else ["bash", "-c", f'ulimit -f {largest_file} && exec "$@"', "bash"]
    environment = {key: value for key, value in os.environ.items() if key != "FMNIST_DATA"}
    return subprocess.run(
        [*limit, sys.executable, *command], cwd=folder, env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def assert_one_line(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: cannot write "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert any(remedy in done.stderr for remedy in ("free some space", "run the same command again")), done.stderr


def assert_readable(folder: Path) -> dict[Path, bytes]:
    """Read the files of all runs: their content."""
    for path in folder.rglob("*.ckpt"):
        assert read_checkpoint(path).state_dict
    for path in folder.rglob("*.yaml"):
        assert path.name == "hparams.yaml" or read_yaml(path)["trainer"]  # Lightning's own, always empty
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def states(study: Path) -> list[TrialState]:
    return [t.state for t in optuna.load_study(study_name=study.name, storage=open_storage(None, study)).trials]


def test_a_fit(disk: Path) -> None:
    for kilobytes in (0, 12, 200):  # no room for the events, for the config, for the second checkpoint
        leave_space(disk, kilobytes)
        assert_one_line(run(FIT, disk))
    files = assert_readable(disk / "runs")
    (disk / "filler").unlink()
    done = run(FIT, disk)
    assert (done.returncode, done.stderr) == (0, "")
    assert (disk / "runs/dense/version_3/metrics.json").exists()
    now = assert_readable(disk / "runs")
    assert {path: now[path] for path in files} == files


@pytest.mark.usefixtures("search_file")
def test_a_search(disk: Path) -> None:
    for kilobytes in (24, 0):  # no room for the checkpoint of the first trial, for a line of the journal
        leave_space(disk, kilobytes)
        assert_one_line(run(TUNE, disk))
    (disk / "filler").unlink()
    done = run(TUNE, disk)
    assert (done.returncode, done.stderr) == (0, "")
    assert states(disk / "runs/tune/full") == [TrialState.COMPLETE] * TRIALS
    assert_readable(disk / "runs")


def test_a_fit_with_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    assert_one_line(run(FIT, tmp_path, largest_file=40))
    assert not list(tmp_path.rglob("*.ckpt")), "none was whole"
    assert_readable(tmp_path)


@pytest.mark.usefixtures("search_file")
def test_a_search_with_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    no_other_large_file = ["--overrides.trainer.enable_checkpointing", "false", "--keep", "0"]
    assert_one_line(run([*TUNE, *no_other_large_file], folder, largest_file=3))
    assert (folder / "runs/tune/full/journal.log").stat().st_size == 3 * 1024, "the last line was cut"
    done = run(TUNE, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert states(folder / "runs/tune/full") == [TrialState.COMPLETE] * TRIALS
