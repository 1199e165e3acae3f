"""Benchmarks start, refuse wrong arguments in one line, and run whole on tiny images; no measured value is checked."""

import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.data.source import load
from tests.benchmarks.conftest import BENCHMARKS, Run

FIRST_CLASS = {
    "seeds.py",
    "throughput.py",
    "time_to_accuracy.py",
    "variants.py",
    "scaling.py",
    "inference.py",
    "gpu.py",
}
ALL = sorted(
    str(path.relative_to(BENCHMARKS))
    for path in [*BENCHMARKS.glob("*.py"), *BENCHMARKS.glob("once/*.py")]
    if "__main__" in path.read_text()
)


@pytest.fixture
def _peaks(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixed limits of the machine: measuring them takes seconds on one thread."""
    roofline = importlib.import_module("roofline")
    monkeypatch.setattr(roofline, "measure_peaks", lambda *_: roofline.Peaks(1e11, 1e10))


def test_the_first_class_benchmarks_are_there() -> None:
    assert set(ALL) >= FIRST_CLASS
    assert {path.name for path in BENCHMARKS.glob("*.py")} == FIRST_CLASS | {"roofline.py"}


@pytest.mark.parametrize("script", ALL)
def test_help_names_the_command_and_how_long_it_takes(benchmark: Run, script: str) -> None:
    done = benchmark(script, "--help")
    assert done.code == 0
    assert f"python benchmarks/{script}" in done.out
    assert re.search(r"^.*\bTakes\b", done.out, re.MULTILINE)


@pytest.mark.parametrize("script", [*ALL, "once/bf16_rounding.py"])
def test_the_index_lists_every_benchmark(script: str) -> None:
    assert f"| `{script}` |" in (BENCHMARKS / "README.md").read_text()


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["seeds.py"], "configs"),
        (["seeds.py", "cnn", "--seeds", "0"], "--seeds"),
        (["throughput.py", "fast"], "cnn_regularized"),
        (["throughput.py", "--images", "many"], "--images"),
        (["throughput.py", "--keras-python", "no/such/python"], "--keras-python"),
        (["time_to_accuracy.py", "--target", "high"], "--target"),
        (["variants.py", "fast", "--seeds", "1.5"], "--seeds"),
        (["scaling.py", "--rounds", "-1"], "--rounds"),
        (["inference.py", "--rounds", "0"], "--rounds"),
        (["inference.py", "--sides", "2"], "--sides"),
        (["roofline.py", "--rounds", "2"], "--rounds"),
        (["gpu.py", "no_such_stage"], "fast_gpu"),
        (["gpu.py", "--device", "tpu"], "--device"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(benchmark: Run, command: list[str], named: str) -> None:
    done = benchmark(*command)
    assert done.code == 2
    assert not done.out
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["seeds.py", "no_such_config"], "no_such_config"),
        (["time_to_accuracy.py", "no_such_config"], "no_such_config"),
        (["time_to_accuracy.py", "fast", "model.no_such_key=1"], "no_such_key"),
        (["variants.py", "fast", "data.batch_size=many"], "batch_size"),
        (["scaling.py"], "FMNIST_DATA"),
        (["inference.py"], "FMNIST_DATA"),
        (["gpu.py", "--device", "cpu"], "FMNIST_DATA"),
        (["gpu.py", "--device", "cpu", "--configs", "no_such_config"], "no_such_config"),
    ],
)
def test_a_wrong_config_and_missing_images_are_told_before_anything_runs(
    benchmark: Run, command: list[str], named: str
) -> None:
    done = benchmark(*command)
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert named in line


def test_seeds_are_averaged_and_finished_runs_are_used_again(benchmark: Run, tiny: str) -> None:
    for _ in range(2):
        done = benchmark("seeds.py", tiny + ".yaml", "--seeds", "2", "--runs", "runs")
        assert done.code == 0, done.err
        head, _, row = (line for line in done.out.splitlines() if line.startswith("|"))
        cells = dict(zip(head.split("|"), row.split("|"), strict=True))
        cells = {name.strip(): cell.strip() for name, cell in cells.items()}
        assert "±" in cells["test accuracy"]
        assert (cells["n"], cells["seeds"]) == ("2", "0, 1")
    assert sorted(str(path.parent) for path in Path("runs").rglob("metrics.json")) == [
        "runs/tiny-seed0/version_0",
        "runs/tiny-seed1/version_0",
    ]


def test_a_stopped_seed_is_continued(benchmark: Run, tiny: str) -> None:
    command = ["seeds.py", tiny + ".yaml", "--seeds", "1", "--runs", "runs"]
    benchmark(*command)
    Path("runs/tiny-seed0/version_0/metrics.json").unlink()  # as if stopped after the last epoch
    done = benchmark(*command)
    assert done.code == 0, done.err
    assert "runs/tiny-seed0/version_0/checkpoints/last.ckpt" in done.out
    assert Path("runs/tiny-seed0/version_1/metrics.json").exists()


def test_variants_are_compared_by_pairs(benchmark: Run, tiny: str) -> None:
    done = benchmark("variants.py", tiny + ".yaml", "--seeds", "1", "model.hidden_sizes=[8]", "--json", "out.json")
    assert done.code == 0, done.err
    unchanged, changed = (line.split(" | ") for line in done.out.splitlines()[-3:-1])
    assert unchanged[4] == "+0.0000"
    assert float(changed[2]) < float(unchanged[2])  # MFLOP
    runs = json.loads(Path("out.json").read_text())["variants"]
    assert [len(runs[changes]) for changes in ("", "model.hidden_sizes=[8]")] == [1, 1]


def test_the_roofline_is_the_larger_of_arithmetic_and_memory(here: Path) -> None:
    roofline = importlib.import_module("roofline")
    fast, slow = 1e12, 1.0
    limit = roofline.Roofline(operations=100, bytes=10, peaks=roofline.Peaks(operations=slow, bytes=fast))
    assert limit.images_per_second == pytest.approx(0.01)
    assert "(arithmetic); here 50%" in limit.line(0.005)
    limit = roofline.Roofline(operations=100, bytes=10, peaks=roofline.Peaks(operations=fast, bytes=slow))
    assert limit.images_per_second == pytest.approx(0.1)
    assert "(memory); here 50%" in limit.line(0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("_peaks")
def test_time_to_accuracy_trains_each_seed_in_a_process(benchmark: Run, tiny: str) -> None:
    done = benchmark("time_to_accuracy.py", tiny + ".yaml", "--seeds", "1", "--target", "0", "--json", "out.json")
    assert done.code == 0, done.err
    assert "target 0.0: reached" in done.out
    assert "roofline: " in done.out
    runs = json.loads(Path("out.json").read_text())["runs"]
    assert [run["command"] > run["training"] > 0 for run in runs] == [True]


@pytest.mark.slow
def test_the_implementations_of_an_epoch_are_compared(
    tiny: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    throughput = importlib.import_module("throughput")
    monkeypatch.setattr(throughput, "BATCH_SIZES", {tiny: 32})
    arguments = ["--images", "160", "--rounds", "1", "--precisions", "32-true", "--json", "out.json"]
    monkeypatch.setattr(sys, "argv", ["throughput.py", *arguments])
    throughput.main()
    assert "roofline: " in capsys.readouterr().out
    results = json.loads(Path("out.json").read_text())
    assert results["machine"]["device"]
    row = results["configs"][tiny]
    assert list(row) == ["here", "32-true", "raw loop", "usual way"]
    for values in row.values():
        assert values["images_per_second"] == pytest.approx(160 / values["seconds"])


@pytest.mark.slow
def test_scaling_measures_and_plots(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scaling = importlib.import_module("scaling")
    fit = ["--config", f"{tiny}.yaml", *scaling.COMMON]
    settings = [scaling.Setting("images", 200, fit), scaling.Setting("images", 600, fit, repeats=3)]
    monkeypatch.setattr(scaling, "SETTINGS", settings)
    monkeypatch.setattr(scaling, "real_images", lambda: None)
    monkeypatch.setattr(sys, "argv", ["scaling.py", "--rounds", "1", "--json", "out.json", "--picture", "out.png"])
    scaling.main()
    series = json.loads(Path("out.json").read_text())["series"]["images"]
    assert list(series) == ["200", "600"]
    assert all(row["images_per_second"] > 0 and row["gib"] > 0.1 for row in series.values())
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.usefixtures("_peaks")
def test_inference_compares_every_variant(benchmark: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def synthetic(*_: Any, **__: Any) -> Any:
        return load("synthetic", None, verify=True, synthetic_size=6000, seed=0, may_download=False)

    monkeypatch.setattr("fmnist_pl.data.source.load", synthetic)
    done = benchmark("inference.py", "--rounds", "1", "--images", "1000", "--singles", "5", "--json", "out.json")
    assert done.code == 0, done.err
    ways = json.loads(Path("out.json").read_text())["ways"]
    assert {"eager", "compiled", "torch_export"} <= set(ways)
    assert ways["eager"] | {"ratio": 1.0, "largest_difference": 0.0, "other_classes": 0} == ways["eager"]
    assert ways["compiled"]["other_classes"] == 0
    if "onnx_int8" in ways:  # without the extra `export` it is left out
        assert 0 < ways["onnx_int8"]["bytes"] < 0.3 * ways["onnx"]["bytes"]
        assert ways["onnx_int8"]["accuracy"] == pytest.approx(ways["eager"]["accuracy"], abs=0.02)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif("FMNIST_DATA" not in os.environ, reason="the real images are not here: set FMNIST_DATA")
def test_throughput_runs_on_the_real_images(benchmark: Run) -> None:
    done = benchmark("throughput.py", "dense", "--images", "640", "--rounds", "1", "--without-usual")
    assert done.code == 0, done.err
    assert Path("runs/benchmarks/throughput.json").exists()
