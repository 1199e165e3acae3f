"""A compiled training comes to what one that is not comes to, and leaves nothing of itself in what it writes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import LightningModule, Trainer

from fmnist_pl.training import train
from fmnist_pl.training.callbacks.compile import Compile
from tests.conftest import SMALL, run_folder, weights
from tests.training.recipes import MIXED, SCHEDULES, StoppedError, stop_after

Fit = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.slow

TINY = ["--model.hidden_sizes", "[8]", "--data.batch_size", "70", "--optimizer.lr", "0.01"]
"""The 540 images are batches of 68 and of 67."""
COMPILED = ["--compile", "true"]
WAYS = {
    "single steps": ["--steps_per_execution", "1", *SCHEDULES["one_cycle"]],
    "executions, averaged": ["--steps_per_execution", "4", *SCHEDULES["average"], *MIXED],
    "bf16": ["--trainer.precision", "bf16-mixed"],
}


def assert_close(one: Path, two: Path, tolerance: float = 1e-3) -> None:
    """Two checkpoints hold the same names, and nearly the same weights."""
    torch.testing.assert_close(weights(one), weights(two), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("way", WAYS)
def test_it_comes_to_the_same(fit: Fit, tmp_path: Path, way: str) -> None:
    plain = fit(*TINY, *WAYS[way], "--name", "plain", epochs=3)
    with torch._dynamo.config.patch(error_on_recompile=True):
        compiled = fit(*TINY, *WAYS[way], *COMPILED, "--name", "compiled", epochs=3)
    folders = [run_folder(tmp_path, name) / "checkpoints" for name in ("plain", "compiled")]
    for name in ("best.ckpt", "last.ckpt"):
        assert_close(folders[0] / name, folders[1] / name, tolerance=0.02 if way == "bf16" else 1e-3)
    for stage in ("val", "test"):
        assert compiled[stage]["acc"] == pytest.approx(plain[stage]["acc"], abs=0.03)
    assert plain["compile_seconds"] == 0
    assert compiled["compile_seconds"] > 0


@pytest.mark.parametrize("before", ["true", "false"])
def test_either_goes_on_as_the_other(fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    arguments = [*TINY, *SCHEDULES["one_cycle"]]
    fit(*arguments, "--name", "whole", epochs=3)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        stop_after(patch, steps=8 + 3)
        fit(*arguments, "--compile", before, "--name", "stopped", epochs=3)
    last = run_folder(tmp_path, "stopped") / "checkpoints/last.ckpt"
    after = "false" if before == "true" else "true"
    resumed = train(["fit", "--ckpt_path", str(last), "--compile", after])
    assert_close(*(run_folder(tmp_path, *run) / "checkpoints/last.ckpt" for run in (("whole",), ("stopped", 1))))
    assert resumed["compile_seconds"] > 0, "that of both parts"
    best = str(run_folder(tmp_path, "stopped", 1) / "checkpoints/best.ckpt")
    alone = train(["test", "--ckpt_path", best, "--trainer.default_root_dir", str(tmp_path), "--report", "false"])
    assert alone["test"] == resumed["test"]


def test_compiling_changes_nothing(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[list[torch.Tensor]] = []
    compile_it = Compile.on_train_start

    def looked_at(self: Compile, trainer: Trainer, model: LightningModule) -> None:
        def look() -> None:
            states.append([torch.get_rng_state(), *(tensor.clone() for tensor in model.state_dict().values())])
            assert all(parameter.grad is None for parameter in model.parameters())

        look()
        compile_it(self, trainer, model)
        look()
        raise StoppedError

    monkeypatch.setattr(Compile, "on_train_start", looked_at)
    with pytest.raises(StoppedError):
        fit(*TINY, "--model.batch_norm", "true", "--model.dropout", "0.5", *COMPILED)
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


def test_without_a_compiler_it_says_so_in_a_line(program: Callable[..., Any], tmp_path: Path) -> None:
    arguments = ["fit", "--config", "dense.yaml", *SMALL, *COMPILED]
    done = program(*arguments, CXX=str(tmp_path / "none"), TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "C++ compiler" in said[0]
    assert "CXX" in said[0]
    assert "Traceback" not in done.stderr
