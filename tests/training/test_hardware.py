"""The choice of precision, and what metrics.json calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.training import hardware
from fmnist_pl.training.commands import fit as run_fit
from fmnist_pl.training.options import Options


@pytest.mark.parametrize(
    ("capability", "expected"), [("avx512_bf16", "bf16-mixed"), ("amx_bf16", "bf16-mixed"), ("avx2", "32-true")]
)
def test_a_cpu_computes_in_bf16_where_it_can(monkeypatch: pytest.MonkeyPatch, capability: str, expected: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
    assert hardware.choose_precision("cpu") == expected


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_computes_in_bf16_where_it_can(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert hardware.choose_precision("cuda") == ("bf16-mixed" if supported else "32-true")


def test_the_device_that_lightning_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.choose_device_type("auto") == "cuda"
    assert hardware.choose_device_type("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert hardware.choose_device_type("auto") == "cpu"


def test_short_names() -> None:
    assert [hardware.short_precision(name) for name in ("bf16-mixed", "32-true", "bf16-true")] == [
        "bf16",
        "float32",
        "bf16-true",
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
def test_a_run_on_the_gpu(tmp_path: Path) -> None:
    changes = ["horizontal_flip", "shift", "rotation", "shear", "zoom", "erasing"]
    augment = [word for name in changes for word in (f"--data.augment.{name}", "0.1")]
    arguments = ["--config", "cnn_regularized.yaml", "--data.source", "synthetic", "--trainer.accelerator", "gpu"]
    where = ["--trainer.max_epochs", "2", "--trainer.default_root_dir", str(tmp_path)]
    options = Options("fit", [*arguments, *augment, *where])
    metrics = run_fit(options)
    assert (metrics["device"], metrics["precision"]) == ("cuda", "bf16")
    assert options.datamodule.train_data.images.is_cuda
    assert metrics["test"]["acc"] > 0.3


def test_threads_are_those_asked_for_and_those_of_before_again(fit: Callable[..., dict[str, Any]]) -> None:
    before = torch.get_num_threads()
    name = fit("--threads", str(before + 1))["device_name"]
    assert name.endswith(f"{before + 1} threads")
    assert torch.get_num_threads() == before
