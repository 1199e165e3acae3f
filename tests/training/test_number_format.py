"""The choice of number format: by a measurement with a faked clock, kept in a file, the same in every process."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from fmnist_pl.training import number_format, train
from fmnist_pl.training.number_format import BF16, FLOAT32, Measurement, choose_number_format, measure, short_precision
from fmnist_pl.tuning import Search, tune
from tests.conftest import run_folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CPU with bf16, and an empty cache folder."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "cpu_name": "a CPU"})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fmnist_pl"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bool]]:
    """Let convolutions take these seconds by every clock, and return whether each was one in bf16."""

    def fake(float32: float, bf16: float, first_bf16: float | None = None, factor: float = 1.0) -> list[bool]:
        now, calls, convolve = [0.0], list[bool](), torch.nn.functional.conv2d

        def conv2d(images: torch.Tensor, *rest: Any, **options: Any) -> torch.Tensor:
            in_bf16 = torch.is_autocast_enabled("cpu")
            slow = first_bf16 if in_bf16 and not any(calls) else None
            calls.append(in_bf16)
            now[0] += slow or (bf16 if in_bf16 else float32)
            return convolve(images, *rest, **options) * (factor if in_bf16 else 1.0)

        monkeypatch.setattr(number_format.F, "conv2d", conv2d)
        for name in ("thread_time", "perf_counter"):
            monkeypatch.setattr(number_format.time, name, lambda: now[0])
        return calls

    return fake


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Replace the measurement, and return the device of each call."""

    def fake(speedup: float, agrees: bool = True) -> list[str]:
        calls: list[str] = []

        def measure(device_type: str) -> Measurement:
            calls.append(device_type)
            return Measurement(speedup, agrees)

        monkeypatch.setattr(number_format, "measure", measure)
        return calls

    return fake


@pytest.mark.parametrize(
    ("float32", "bf16", "expected", "reason"),
    [
        (0.007, 0.010, FLOAT32, "0.7 times"),
        (0.018, 0.010, BF16, "1.8 times"),
        (0.0119, 0.010, FLOAT32, "1.19 times"),
        (0.0120, 0.010, BF16, "1.2 times"),
    ],
)
def test_bf16_is_selected_where_it_is_faster(
    cache: Path, clock: Callable[..., Any], float32: float, bf16: float, expected: str, reason: str
) -> None:
    clock(float32, bf16)
    chosen = choose_number_format(None, "cpu")
    assert chosen.precision == expected
    assert reason in chosen.reason


def test_the_formats_take_turns_until_the_time_is_over(clock: Callable[..., list[bool]]) -> None:
    calls = clock(0.01, 0.02)
    measure("cpu")
    in_both, in_float32, *rounds = calls[0:2], calls[2:3], *calls[3:]
    assert in_both == [False, True], "the first of each, to compare their results"
    assert in_float32 == [False], "the sum of absolute values"
    assert rounds == [False, True] * 5, "0.03 s each, until 0.12 s are over"
    slow = clock(0.1, 1.6)
    measure("cpu")
    assert len(slow) == 5, "one round: a machine that is 16 times slower in bf16 is not waited for"


def test_one_slow_step_changes_nothing(clock: Callable[..., Any]) -> None:
    clock(0.010, 0.005, first_bf16=0.5)
    assert measure("cpu") == Measurement(2.0, agrees=True)


@pytest.mark.parametrize("factor", [1.02, 0.0, -1.0, float("nan"), float("inf")])
def test_bf16_is_refused_where_its_results_are_wrong(cache: Path, clock: Callable[..., Any], factor: float) -> None:
    clock(0.02, 0.01, factor=factor)
    chosen = choose_number_format(None, "cpu")
    assert chosen.precision == FLOAT32
    assert "wrong" in chosen.reason


def test_bf16_is_refused_where_its_kernels_fail(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("could not create a primitive")

    monkeypatch.setattr(number_format.F, "conv2d", fail)
    chosen = choose_number_format(None, "cpu")
    assert chosen.precision == FLOAT32
    assert "fail" in chosen.reason


def test_the_measurement_leaves_no_trace(clock: Callable[..., Any]) -> None:
    clock(0.01, 0.01)
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    measure("cpu")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state), "a run draws the same numbers with and without it"


def test_the_choice_is_kept(cache: Path, counted: Callable[..., list[str]]) -> None:
    calls = counted(1.8)
    first = choose_number_format(None, "cpu")
    other = counted(0.7)
    assert choose_number_format(None, "cpu") == first
    assert (calls, other) == (["cpu"], [])
    (kept,) = cache.glob("*.json")
    kept.unlink()
    assert choose_number_format(None, "cpu").precision == FLOAT32, "deleted, and measured anew"


@pytest.mark.parametrize("change", ["CPU", "torch"])
def test_another_cpu_or_torch_is_measured_anew(
    cache: Path, counted: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    calls = counted(1.8)
    choose_number_format(None, "cpu")
    if change == "torch":
        monkeypatch.setattr(torch, "__version__", "9.9")
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "cpu_name": "another"})
    choose_number_format(None, "cpu")
    assert len(calls) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 900, b'{"speedup": 9}',
        b'{"speedup": NaN, "agrees": true}', b'{"speedup": -1, "agrees": true}', b'{"speedup": 9, "agrees": "yes"}',
        b'{"speedup": [9], "agrees": true}', b" " * 2_000 + b'{"speedup": 9, "agrees": true}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_replaced(cache: Path, counted: Callable[..., list[str]], content: bytes) -> None:
    counted(0.7)
    choose_number_format(None, "cpu")
    (kept,) = cache.glob("*.json")
    sound = kept.read_bytes()
    kept.write_bytes(content)
    calls = counted(0.7)
    assert choose_number_format(None, "cpu").precision == FLOAT32
    assert calls == ["cpu"]
    assert kept.read_bytes() == sound


@pytest.mark.parametrize("obstacle", ["a file in the way", "no home folder"])
def test_what_cannot_be_kept_is_not_measured_in_every_run(
    tmp_path: Path,
    cache: Path,
    counted: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    obstacle: str,
) -> None:
    counted(1.8)
    if obstacle == "a file in the way":
        cache.parent.write_text("")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", "relative/folder")
        monkeypatch.setattr(Path, "home", _no_home)
        monkeypatch.chdir(tmp_path)
    chosen = choose_number_format(None, "cpu")
    assert chosen.precision == FLOAT32, "the choice could change from run to run"
    assert "XDG_CACHE_HOME" in chosen.reason
    assert not (tmp_path / "relative").exists()


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_computes_in_bf16_where_it_can(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert choose_number_format(None, "cuda").precision == (BF16 if supported else FLOAT32)


def test_where_nothing_is_measured(cache: Path, counted: Callable[..., list[str]]) -> None:
    calls = counted(1.8)
    assert choose_number_format(None, "mps").precision == FLOAT32
    assert choose_number_format(None, "cpu", machines=2).precision == FLOAT32, "their ranks must agree"
    assert [choose_number_format(asked, "cpu").precision for asked in ("bf16-mixed", "bf16", 32, "64-true")] == [
        *(BF16, BF16, FLOAT32, "64-true")
    ]
    assert calls == []
    assert not cache.exists()


def test_a_cpu_without_bf16_is_not_measured(
    cache: Path, counted: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(1.8)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    chosen = choose_number_format(None, "cpu")
    assert chosen.precision == FLOAT32
    assert "no bf16" in chosen.reason
    assert "slow" in choose_number_format(BF16, "cpu").reason
    assert calls == []


def test_short_names() -> None:
    names = [short_precision(name) for name in ("bf16-mixed", "32-true", "bf16-true")]
    assert names == ["bf16", "float32", "bf16-true"]


def test_this_machine_is_measured_by_its_own_clock() -> None:
    started = time.perf_counter()
    measured = measure("cpu")
    assert measured.agrees, "torch computes in bf16 here, in hardware or not"
    assert measured.speedup > 0
    assert time.perf_counter() - started < 120


TINY = {
    "data.source": "synthetic", "data.synthetic_size": 300, "trainer.accelerator": "cpu", "trainer.max_epochs": 1,
    "model.init_args.blocks": [[4]], "model.init_args.hidden_sizes": [], "report": False, "live_pictures": False,
}  # fmt: skip
CNN = ["--model.blocks", "[[4]]", "--model.hidden_sizes", "[]", "--data.batch_size", "100"]


@pytest.mark.parametrize(("speedup", "short"), [(1.8, "bf16"), (0.7, "float32")])
def test_a_run_says_and_keeps_its_format(
    cache: Path,
    counted: Callable[..., list[str]],
    fit: Callable[..., dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    speedup: float,
    short: str,
) -> None:
    calls = counted(speedup)
    metrics = fit(*CNN, config="cnn.yaml")
    assert re.search(rf"{short}: .*{speedup} times as fast", capsys.readouterr().out)
    assert metrics["precision"] == short
    assert str(speedup) in metrics["precision_reason"]
    folder = run_folder(tmp_path, "cnn")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert short_precision(config["trainer"]["precision"]) == short
    assert config["threads"] == metrics["threads"]

    for path in cache.glob("*.json"):
        path.unlink()
    counted(0.7 if short == "bf16" else 1.8)  # from now on, the machine is another
    last = str(folder / "checkpoints/last.ckpt")
    assert train(["fit", "--ckpt_path", last, "--trainer.max_epochs", "2"])["precision"] == short
    assert train(["test", "--ckpt_path", last, "--report", "false"])["precision"] == short
    assert train(["fit", "--config", str(folder / "config.yaml")])["precision"] == short
    assert len(calls) == 1


@pytest.mark.slow
def test_a_search_measures_once_and_its_best_keeps_the_format(
    cache: Path, counted: Callable[..., list[str]], tmp_path: Path
) -> None:
    calls = counted(1.8)
    search = Search(
        base="cnn.yaml",
        space={"optimizer.init_args.lr": {"categorical": [0.01, 0.001]}},
        overrides=TINY,
        sampler="grid",
        folder=tmp_path / "tune",
    )
    outcome = tune(search)
    assert calls == ["cpu"], "not in every trial"
    assert outcome.refit is not None
    assert outcome.refit["precision"] == "bf16"
    trained = [yaml.safe_load(path.read_text()) for path in outcome.folder.glob("trials/*/score_1.yaml")]
    best = yaml.safe_load((outcome.folder / "best.yaml").read_text())
    assert [config["trainer"]["precision"] for config in [*trained, best]] == [BF16] * 3
    for path in cache.glob("*.json"):
        path.unlink()
    counted(0.7)  # another machine, which resumes the study
    again = tune(search)
    assert again.best_config["trainer"]["precision"] == BF16
    assert len(list(again.folder.glob("refit/version_*"))) == 1, "the refit was done before"
