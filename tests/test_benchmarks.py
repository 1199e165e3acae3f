"""The side-by-side measurements start, and one of them runs whole on few images; no figure is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPTS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if "argparse" in path.read_text())
ALL_HELPS = """
import contextlib, io, runpy, sys
for script in sys.argv[1:]:
    sys.argv = [script, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
    print(script, "usage:" in said.getvalue())
"""


def test_each_benchmark_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALL_HELPS, *map(str, SCRIPTS)],
        capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{script} True" for script in SCRIPTS]


def test_a_slip_is_told_in_one_line_before_anything_runs() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "variants.py"), "fast", "--seeds", "0"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("--seeds: 0 is not a whole number from 1")


@pytest.mark.real
@pytest.mark.skipif("FMNIST_DATA" not in os.environ, reason="the real images are not here: set FMNIST_DATA")
def test_the_sides_of_a_throughput_are_compared(tmp_path: Path) -> None:
    written = tmp_path / "throughput.json"
    few = ["dense", "--images", "640", "--rounds", "1", "--json", str(written)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "throughput.py"), *few],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "roofline: " in done.stdout
    figures = json.loads(written.read_text())
    assert figures["machine"]["device"]
    row = figures["configs"]["dense"]
    assert set(row) == {"here", "raw loop", "usual way"}
    for side in row.values():
        assert side["images_per_second"] == pytest.approx(640 / side["seconds"])
