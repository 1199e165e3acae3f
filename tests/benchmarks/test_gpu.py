"""The benchmark of a GPU: it ends in one line without one, and a stage that fails does not stop the next."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.errors import UserError
from tests.benchmarks.conftest import Run


def test_without_a_gpu_a_line_says_so(benchmark: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = benchmark("gpu.py")
    assert done.code == 0
    (line,) = done.out.splitlines()
    assert "no CUDA GPU" in line
    assert not Path("runs").exists()


ROW = 'print("row", json.dumps({"what": "what it saw", "result": "1 | 2", "values": {"number": 1}}), flush=True)'
STAGES = {
    "tests": "print('seen'); raise SystemExit(3)",
    "memory": f"import json, time; {ROW}; time.sleep(600)",
    "fast": f"import json; {ROW}",
}


@pytest.fixture
def gpu(tiny: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module gpu.py, whose stages are a few lines of Python: one fails, one does not end, one is well."""
    module = importlib.import_module("gpu")
    monkeypatch.setattr(module, "stage_command", lambda name, settings: [sys.executable, "-c", STAGES[name]])
    monkeypatch.setattr(module, "SECONDS", {"tests": 60, "memory": 10, "fast": 60})
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--configs", tiny, "--json", "out.json"])
    return module


@pytest.mark.slow
def test_a_stage_that_fails_or_hangs_does_not_stop_the_next(gpu: Any) -> None:
    with pytest.raises(UserError, match="tests, memory"):
        gpu.main()
    stages = json.loads(Path("out.json").read_text())["stages"]
    assert "code 3: seen" in stages["tests"]["problem"]
    assert "10 s, its limit" in stages["memory"]["problem"]
    assert [len(stage["rows"]) for stage in stages.values()] == [0, 1, 1], "what was measured is kept"
    assert stages["fast"]["problem"] is None
    assert stages["fast"]["rows"][0]["values"] == {"number": 1}
    table = Path("out.md").read_text()
    assert "| fast | what it saw | 1 / 2 |" in table
    assert table.count("**not complete**") == 2
    assert "dry run" in table


def test_when_the_time_is_over_stages_are_shortened_and_skipped(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "SECONDS", {"memory": 600, "fast": 60})
    monkeypatch.setattr(gpu, "START_SECONDS", 8 * 60 - 3)
    monkeypatch.setattr(gpu, "LEAST_SECONDS", 2)
    with pytest.raises(UserError, match="memory, fast"):
        gpu.main()
    stages = json.loads(Path("out.json").read_text())["stages"]
    assert "shortened from 600 s" in stages["memory"]["problem"]
    assert "skipped" in stages["fast"]["problem"]


@pytest.mark.slow
def test_a_dry_run_starts_the_tests_and_a_measurement(benchmark: Run, tiny: str) -> None:
    few = ["--images", "160", "--configs", tiny]
    done = benchmark("gpu.py", "tests", "memory", "--device", "cpu", *few, "--minutes", "60", "--json", "out.json")
    stages = json.loads(Path("out.json").read_text())["stages"]
    assert done.code == 0, [stage["problem"] for stage in stages.values()]
    (tests,), (memory,) = (stages[name]["rows"] for name in ("tests", "memory"))
    assert "passed" in tests["result"] or "skipped" in tests["result"]
    assert memory["values"]["bytes"] > 2**27


@pytest.mark.slow
def test_every_stage_measures_in_a_dry_run(
    here: Path, idx_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = importlib.import_module("helpers.gpu_stages")
    assert ["tests", *stages.STAGES] == list(importlib.import_module("gpu").SECONDS)
    monkeypatch.setenv("FMNIST_DATA", str(idx_folder))
    rows = {}
    for name, measure in stages.STAGES.items():
        measure(stages.Settings("cpu", images=160, seeds=1, configs=("dense",)))
        rows[name] = {row["what"]: row for row in stages.read_rows(capsys.readouterr().out)}
    assert rows["number_format"]["chosen"]["values"]["precision"] in ("32-true", "bf16-mixed")
    assert rows["number_format"]["probe, a convolution"]["values"]["speedup"] >= 0
    assert rows["memory"]["dense"]["values"]["bytes"] > 2**27
    for name in ("fast", "fast_gpu"):
        assert 0 <= rows[name]["seed 0"]["values"]["test"] <= 1
        assert any("target" in row["result"] for row in rows[name].values())
    ways = ["1 steps per call", "5 steps per call", "25 steps per call", "compiled"]
    assert list(rows["steps"]) == [f"dense, {way}" for way in ways]
    assert rows["steps"]["dense, compiled"]["values"]["compile_seconds"] > 0
    assert rows["epochs"]["dense"]["values"]["usual_seconds"] > 0
