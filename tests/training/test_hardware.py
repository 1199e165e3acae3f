"""The choice of device and threads."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.networks import layers
from fmnist_pl.training import foreign_config, hardware, train
from fmnist_pl.training.commands import fit as run_fit
from fmnist_pl.training.options import Options
from fmnist_pl.tuning.plan import quiet_training
from tests.conftest import run_folder


def test_the_device_that_lightning_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.choose_device_type("auto") == "cuda"
    assert hardware.choose_device_type("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert hardware.choose_device_type("auto") == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
def test_a_run_on_the_gpu(tmp_path: Path) -> None:
    changes = ["horizontal_flip", "shift", "rotation", "shear", "zoom", "erasing", "cutmix", "mixup"]
    augment = [word for name in changes for word in (f"--data.augment.{name}", "0.1")]
    arguments = ["--config", "cnn_regularized.yaml", "--data.source", "synthetic", "--trainer.accelerator", "gpu"]
    where = ["--trainer.max_epochs", "2", "--trainer.default_root_dir", str(tmp_path)]
    options = Options("fit", [*arguments, *augment, *where])
    metrics = run_fit(options)
    assert (metrics["device"], metrics["precision"]) == ("cuda", "bf16")
    assert options.datamodule.train_data.images.is_cuda
    assert metrics["test"]["acc"] > 0.3


def test_threads_are_those_asked_for_and_those_of_before_again(fit: Callable[..., dict[str, Any]]) -> None:
    before, named = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    metrics = fit("--threads", str(before + 1))
    assert metrics["threads"] == before + 1
    assert metrics["device_name"].endswith(f"{before + 1} threads")
    assert (torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")) == (before, named)


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretend that this process computes on so many cores."""

    def pretend(number: int) -> None:
        monkeypatch.setattr(hardware, "available_cores", lambda: number)
        monkeypatch.setattr(torch, "get_num_threads", lambda: number)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    return pretend


@pytest.mark.parametrize(
    ("asked", "device_type", "processes", "operations", "number", "reason"),
    [
        (3, "cpu", 1, 1e7, 3, "given"),
        (None, "cpu", 1, 9.9e7, 1, "99 MFLOP"),
        (None, "cpu", 1, 1e8, 8, "all cores"),
        (None, "cpu", 2, 1e9, 4, "2 processes"),
        (None, "cpu", 3, 1e9, 2, "3 processes"),
        (None, "cpu", 16, 1e9, 1, "16 processes"),
        (None, "cuda", 1, 1e7, 8, "all cores"),
    ],
)
def test_threads_fit_the_work(
    cores: Callable[[int], None],
    asked: int | None,
    device_type: str,
    processes: int,
    operations: float,
    number: int,
    reason: str,
) -> None:
    cores(8)
    chosen = hardware.choose_threads(asked, device_type, processes, lambda: int(operations))
    assert chosen.number == number
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("config", "is_short"),
    [("dense", True), ("dense_deep", True), ("cnn", False), ("fast", False), ("cnn_tuner", False)],
)
def test_networks_with_short_steps_train_on_one_core(
    cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, config: str, is_short: bool
) -> None:
    cores(8)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    options = Options("fit", ["--config", f"{config}.yaml", "--trainer.accelerator", "cpu"])
    assert options.threads.number == (1 if is_short else 8)
    assert options.plain_config["threads"] == options.threads.number, "the config repeats the run"


def test_a_trial_keeps_within_its_share(cores: Callable[[int], None]) -> None:
    cores(2)
    config = {"threads": None, "trainer": {}}
    for asked, share, expected in [(None, 2, None), (1, 2, 1), (8, 2, 2)]:
        assert quiet_training(config | {"threads": asked}, Path("here"), "score_1", share)["threads"] == expected


@pytest.mark.parametrize(
    ("devices", "device_type", "expected"),
    [(2, "cpu", 2), ("2", "cpu", 2), ("auto", "cpu", 1), ([0, 3], "cuda", 2), ("0,3,", "cuda", 2), (-1, "cuda", 4)],
)
def test_processes_of_the_devices(
    monkeypatch: pytest.MonkeyPatch, devices: Any, device_type: str, expected: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert hardware.processes_of(devices, device_type) == expected


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("100000 100000", 1), ("150000 100000", 2), ("max 100000", None), ("1000 100000", 1), ("garbage", None)],
)
def test_a_container_has_the_cores_of_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int | None
) -> None:
    monkeypatch.setattr(hardware, "CPU_QUOTA", tmp_path / "none")
    all_cores = hardware.available_cores()
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(hardware, "CPU_QUOTA", tmp_path / "cpu.max")
    assert hardware.available_cores() == min(all_cores, expected or all_cores)


def test_a_resumed_run_keeps_its_threads_as_far_as_the_machine_has_them(
    fit: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_config, "available_cores", lambda: 3)
    last = run_folder(tmp_path) / "checkpoints/last.ckpt"
    on_two = fit("--threads", "2")
    assert on_two["threads"] == 2
    resume = ["fit", "--ckpt_path", str(last), "--trainer.max_epochs", "2"]
    assert train(resume)["threads"] == 2, "not the one that its short steps would get"
    monkeypatch.setattr(foreign_config, "available_cores", lambda: 1)
    assert train(resume)["threads"] == 1
    assert train([*resume, "--threads", "2"])["threads"] == 2


def test_initial_weights_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def note(weight: torch.Tensor) -> None:
        seen.append(torch.get_num_threads())

    monkeypatch.setitem(layers.INITIALIZERS, "orthogonal", note)
    Options("fit", ["--config", "dense.yaml", "--model.kernel_initializer", "orthogonal", "--threads", "2"])
    assert set(seen) == {1}
