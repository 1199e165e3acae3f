"""A training on a GPU: what can be checked without one, and, marked ``gpu``, what cannot."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from fmnist_pl.data import loader
from fmnist_pl.data.augment import Augment
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.errors import UserError
from fmnist_pl.training.callbacks import capture
from fmnist_pl.training.multi_step import Steps
from fmnist_pl.training.options import Options
from tests.conftest import ROOT, run_folder, weights
from tests.training.recipes import MIXED, SCHEDULES

Fit = Callable[..., dict[str, Any]]

ALL_AUGMENTATION = Augment(0.5, 0.1, 10, 10, 0.1, 0.1, 0.5, 2, 0.4, 0.4)
SHORT = ("dense.yaml", "cnn_regularized.yaml")
CONFIGS = [
    pytest.param(path.name, marks=() if path.name in SHORT else pytest.mark.slow)
    for path in sorted((ROOT / "configs").glob("*.yaml"))
]
WAITS = ("aten._local_scalar_dense", "aten.item", "aten.nonzero", "aten.is_nonzero", "aten.equal")
CAPTURED = ["--cuda_graph", "true"]
TINY = ["--data.batch_size", "70", "--optimizer.lr", "0.01", "--model.batch_norm", "true", "--model.dropout", "0.2"]
"""The 540 images are batches of 68 and of 67; the step has random numbers and statistics."""
WAYS = {
    "single steps": ["--steps_per_execution", "1", *SCHEDULES["one_cycle"]],
    "executions": ["--steps_per_execution", "4", "--trainer.gradient_clip_val", "0.1", *MIXED],
    "executions, averaged": ["--steps_per_execution", "4", *SCHEDULES["average"]],
}
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")


def move_to_fake_gpu(model: nn.Module) -> None:
    """Replace weights and buffers by fake CUDA tensors of the same shapes and memory formats."""
    for module in model.modules():
        for name, old in list(module.named_parameters(recurse=False)):
            new = torch.empty_strided(old.shape, old.stride(), dtype=old.dtype, device="cuda")
            setattr(module, name, nn.Parameter(new, old.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype, device="cuda"))


@pytest.mark.parametrize("config", CONFIGS)
def test_a_step_on_fake_cuda_tensors_mixes_no_devices(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake tensors know their device, refuse to meet those of another, and refuse to tell a value to the host."""
    model = Options("fit", ["--config", config, "--trainer.accelerator", "cpu"]).model.train()
    monkeypatch.setattr(loader, "Generator", lambda *_: Generator())  # torch without CUDA has no CUDA generator
    with FakeTensorMode():
        move_to_fake_gpu(model)
        configured = model.configure_optimizers()
        optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
        images = torch.zeros(40, 1, 28, 28, dtype=torch.uint8, device="cuda")
        data = LabelledImages(images, torch.zeros(40, dtype=torch.int64, device="cuda"))
        for batch in BatchLoader(data, 20, shuffle=True, device="cuda", augment=ALL_AUGMENTATION):
            loss, logits = model.shared_step(batch, "train")
            for parameter in model.parameters():  # torch without CUDA has no backward pass on fake CUDA tensors
                parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None
            optimizer.step()
            assert all(tensor.device.type == "cuda" for tensor in (*batch, loss, logits))


def test_fake_cuda_tensors_do_not_mix_with_others() -> None:
    """The test above can fail."""
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device="cuda") + torch.zeros(2)


class Waits(TorchDispatchMode):
    """Counts the operations that return a value to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func).startswith(WAITS):
            self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


def waits(fit: Fit, images: int, steps: str) -> Counter[str]:
    with Waits() as counting:
        fit("--data.synthetic_size", str(images), "--data.batch_size", "10", "--data.val_fraction", "0",
            "--trainer.log_every_n_steps", "1000", "--steps_per_execution", steps, "--test_after_fit", "false",
            *SCHEDULES["one_cycle"], epochs=2)  # fmt: skip
    return counting.counts


@pytest.mark.parametrize("steps", ["1", "3"])
def test_the_loop_waits_for_the_device_once_an_epoch_not_once_a_step(fit: Fit, steps: str) -> None:
    few, many = waits(fit, 60, steps), waits(fit, 240, steps)
    assert few, "the metrics of an epoch are read"
    assert few == many


def graphed_on_the_cpu(module: nn.Module, sample: tuple[Tensor, ...], allow_unused_input: bool) -> Callable[..., Any]:
    """Stand-in for ``torch.cuda.make_graphed_callables``: one shape, results always in the same memory."""
    parameters = tuple(module.parameters())
    for _ in range(3):
        outputs = [output.detach().clone() for output in module(*sample)]
    gradients = [torch.empty_like(parameter) for parameter in parameters]

    class Graphed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, images: Tensor, labels: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
            with torch.enable_grad():
                found = module(sample[0].copy_(images), sample[1].copy_(labels))
            ctx.loss = found[0]
            for output, new in zip(outputs, found, strict=True):
                output.copy_(new.detach())
            return tuple(output.detach() for output in outputs)

        @staticmethod
        def backward(ctx: Any, *of_outputs: Tensor) -> tuple[Tensor | None, ...]:
            found = torch.autograd.grad(ctx.loss, parameters, of_outputs[0])
            for gradient, new in zip(gradients, found, strict=True):
                gradient.copy_(new)
            return None, None, *(gradient.detach() for gradient in gradients)

    def call(images: Tensor, labels: Tensor) -> Any:
        assert images.shape == sample[0].shape
        return Graphed.apply(images, labels, *parameters)

    return call


@pytest.mark.parametrize("way", WAYS)
def test_a_captured_training_ends_with_the_same_weights(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    plain = fit(*TINY, *WAYS[way], "--name", "plain", epochs=2)
    monkeypatch.setattr(capture, "obstacle_to_capture", lambda trainer: None)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", graphed_on_the_cpu)
    captured = fit(*TINY, *WAYS[way], *CAPTURED, "--name", "captured", epochs=2)
    found, expected = (weights(run_folder(tmp_path, name) / "checkpoints/last.ckpt") for name in ("captured", "plain"))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    histories = [(run_folder(tmp_path, name) / "history.json").read_text() for name in ("plain", "captured")]
    assert histories[0] == histories[1]
    assert captured["test"] == plain["test"]
    assert captured["compile_seconds"] > 0 == plain["compile_seconds"]


def test_a_capture_that_fails_is_told_in_one_line(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(capture, "obstacle_to_capture", lambda trainer: None)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", fail)
    with pytest.raises(UserError, match="operation not permitted when stream is capturing.*leave --cuda_graph out"):
        fit(*CAPTURED)


def test_without_a_gpu_nothing_is_captured_and_a_line_says_so(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = fit(*CAPTURED)
    assert "cuda_graph is off: the training runs on cpu" in capsys.readouterr().out
    assert metrics["compile_seconds"] == 0


def test_added_gradients_are_not_captured() -> None:
    strategy = SimpleNamespace(root_device=torch.device("cuda"))
    trainer = SimpleNamespace(strategy=strategy, world_size=1, accumulate_grad_batches=1)
    assert capture.obstacle_to_capture(trainer) is None
    trainer.accumulate_grad_batches = 2
    assert "trainer.accumulate_grad_batches" in capture.obstacle_to_capture(trainer)
    trainer.world_size = 2
    assert "several processes" in capture.obstacle_to_capture(trainer)


ON_GPU = {
    "captured": CAPTURED,
    "captured, bf16": [*CAPTURED, "--trainer.precision", "bf16-mixed"],
    "compiled and captured": [*CAPTURED, "--compile", "true"],
}


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("way", ON_GPU)
@pytest.mark.parametrize("steps", ["1", "4"])
def test_on_a_gpu_a_captured_training_learns_what_another_learns(fit: Fit, steps: str, way: str) -> None:
    common = ["--trainer.accelerator", "gpu", *TINY, "--steps_per_execution", steps]
    plain = fit(*common, "--trainer.precision", "32-true", epochs=5)
    precision = [] if "--trainer.precision" in ON_GPU[way] else ["--trainer.precision", "32-true"]
    captured = fit(*common, *ON_GPU[way], *precision, epochs=5)
    assert captured["compile_seconds"] > 0
    assert captured["val"]["loss"] == pytest.approx(plain["val"]["loss"], rel=0.1)
    assert captured["val"]["acc"] == pytest.approx(plain["val"]["acc"], abs=0.05)


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_a_captured_training_without_randomness_repeats_the_losses(fit: Fit, tmp_path: Path) -> None:
    common = ["--trainer.accelerator", "gpu", "--trainer.precision", "32-true"]
    for name, arguments in (("plain", []), ("captured", CAPTURED)):
        fit(*common, *arguments, "--name", name, epochs=2)
    found, expected = (weights(run_folder(tmp_path, name) / "checkpoints/last.ckpt") for name in ("captured", "plain"))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_a_step_of_the_gpu_recipe_waits_for_nothing(fit: Fit) -> None:
    """torch raises an error where the host waits for the GPU in a step."""
    monitored = Counter[str]()

    def without_waiting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            monitored["calls"] += 1
            torch.cuda.set_sync_debug_mode("error")
            try:
                return function(*arguments)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "__call__", without_waiting(Steps.__call__))
        patch.setattr(BatchLoader, "_make", without_waiting(BatchLoader._make))
        fit("--trainer.accelerator", "gpu", "--data.batch_size", "50", config="fast_gpu.yaml")
    assert monitored["calls"] >= 2
