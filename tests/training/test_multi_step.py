"""Several steps in one call come to what they come to one by one; and a step does not wait for the device."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.models import Classifier, DenseClassifier, SeparableCNNClassifier, StridedCNNClassifier
from fmnist_pl.training import train
from fmnist_pl.training.multi_step import LoopCounters, Steps
from fmnist_pl.training.steps_per_execution import forward_flops, training_flops
from tests.conftest import NO_PICTURES, SMALL, run_folder
from tests.training.recipes import MIXED, SCHEDULES, STATEFUL, StoppedError, stop_after

Fit = Callable[..., dict[str, Any]]

WAYS = SCHEDULES | {
    "clipped": ["--trainer.gradient_clip_val", "0.1"],
    "batch norm": ["--model.batch_norm", "true"],
}
FAST = ("one_cycle", "average")
SOME_WAYS = [pytest.param(way, marks=() if way in FAST else pytest.mark.slow) for way in WAYS]


def checkpoint(tmp_path: Path, name: str, version: int = 0) -> dict[str, Any]:
    return torch.load(run_folder(tmp_path, name, version) / "checkpoints/last.ckpt", weights_only=True)


def all_equal(one: Any, two: Any) -> bool:
    """Whether two nested states are the same to the last bit."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(all_equal(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(all_equal(a, b) for a, b in zip(one, two, strict=True))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = EventAccumulator(str(folder)).Reload()
    tags = [tag for tag in accumulator.Tags()["scalars"] if not tag.endswith(("images_per_second", "train_seconds"))]
    # a run leaves several files, which are read in any order if they were begun in the same second
    return {tag: sorted((event.step, event.value) for event in accumulator.Scalars(tag)) for tag in tags}


@pytest.mark.parametrize("way", SOME_WAYS)
def test_executions_come_to_what_single_steps_come_to(fit: Fit, tmp_path: Path, way: str) -> None:
    arguments = [*STATEFUL, *WAYS[way], "--trainer.log_every_n_steps", "4"]
    metrics = [
        fit(*arguments, "--name", f"by{steps}", "--steps_per_execution", str(steps), epochs=3) for steps in (1, 4)
    ]
    assert [each["steps_per_execution"] for each in metrics] == [1, 4]
    one, four = checkpoint(tmp_path, "by1"), checkpoint(tmp_path, "by4")
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
        assert all_equal(one[key], four[key]), key
    assert metrics[0]["val"] == metrics[1]["val"]
    assert metrics[0]["test"] == metrics[1]["test"]
    expected, found = curves(run_folder(tmp_path, "by1")), curves(run_folder(tmp_path, "by4"))
    assert expected.keys() == found.keys()
    for tag, points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points], tag
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points], rel=1e-6), tag


@pytest.mark.parametrize(
    ("before", "after"), [("4", "1"), *(pytest.param(before, "4", marks=pytest.mark.slow) for before in ("1", "4"))]
)
def test_a_run_goes_on_with_any_number(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    arguments = [*STATEFUL, *SCHEDULES["one_cycle"]]
    fit(*arguments, "--name", "whole", "--steps_per_execution", "1", epochs=3)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        stop_after(patch, steps=9 + 3)
        fit(*arguments, "--name", "stopped", "--steps_per_execution", before, epochs=3)
    last = run_folder(tmp_path, "stopped") / "checkpoints/last.ckpt"
    train(["fit", "--ckpt_path", str(last), "--steps_per_execution", after])
    whole, resumed = checkpoint(tmp_path, "whole"), checkpoint(tmp_path, "stopped", 1)
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        assert all_equal(whole[key], resumed[key]), key


def test_a_grouped_convolution_is_counted_once() -> None:
    """Forward, gradient of the inputs, gradient of the kernels; the images need no gradient."""
    model = SeparableCNNClassifier(stem=8, stages=[[16]])
    stem = 2 * 8 * 9 * 28 * 28
    assert training_flops(model) == 3 * forward_flops(model.network, model.example_input_array) - stem


def test_a_transposed_convolution_is_counted_by_its_inputs() -> None:
    network = nn.Sequential(nn.ConvTranspose2d(1, 4, 2, stride=2), nn.Flatten(), nn.Linear(4 * 56 * 56, 10))
    products = 2 * (28 * 28 * 4 * 2 * 2) + 3 * (4 * 56 * 56 * 10)  # nothing goes back to the pixels
    assert training_flops(Classifier(network)) == 2 * products


def test_the_operations_of_a_step_are_those_it_needs() -> None:
    pixels, hidden, classes = 784, 128, 10
    products = 2 * pixels * hidden + 3 * hidden * classes  # nothing goes back to the pixels
    assert training_flops(DenseClassifier()) == 2 * products
    learned, fixed = (StridedCNNClassifier(stem=stem) for stem in ("learned", "cosine"))
    assert training_flops(fixed) < training_flops(learned), "no way back to a stem that is not trained"
    assert all(parameter.grad is None for parameter in fixed.parameters())


def test_small_networks_take_many_steps_at_once_and_large_ones_do_not(fit: Fit) -> None:
    assert fit()["steps_per_execution"] == 25
    assert fit("--data.synthetic_size", "60", config="cnn.yaml")["steps_per_execution"] == 1


OBSTACLES = {
    "trainer.accumulate_grad_batches": ["--trainer.accumulate_grad_batches", "2"],
    "max_steps": ["--trainer.max_steps", "17"],
    "overfit_batches": ["--trainer.fast_dev_run", "true"],
    "trainer.limit_train_batches": ["--trainer.limit_train_batches", "0.5"],
    "val_check_interval": ["--trainer.val_check_interval", "0.5"],
    "ModelCheckpoint": ["--trainer.callbacks+", "ModelCheckpoint", "--trainer.callbacks.every_n_train_steps", "5"],
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_it_says_why_steps_stay_single(fit: Fit, obstacle: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = fit(*OBSTACLES[obstacle], "--steps_per_execution", "4")
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("steps_per_execution is 1, not 4")]
    assert len(said) == 1
    assert obstacle in said[0]
    assert metrics["steps_per_execution"] == 1


def test_another_lightning_takes_one_step_per_call(
    fit: Fit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def renamed(self: LoopCounters, trainer: Trainer) -> None:
        raise AttributeError("no attribute 'epoch_loop'")

    monkeypatch.setattr(LoopCounters, "__init__", renamed)
    metrics = fit("--steps_per_execution", "4")
    assert "steps_per_execution is 1, not 4: this version of Lightning" in capsys.readouterr().out
    assert metrics["steps_per_execution"] == 1


def test_a_callback_that_looks_at_steps_sees_each(tmp_path: Path) -> None:
    class Seen(Callback):
        batches = 0

        def on_train_batch_end(self, *_: Any) -> None:
            self.batches += 1

    seen = Seen()
    arguments = ["fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1"]
    metrics = train([*arguments, "--trainer.default_root_dir", str(tmp_path)], callbacks=[seen])
    assert seen.batches == 17, "540 images in batches of 32"
    assert metrics["steps_per_execution"] == 1


class Operations(TorchDispatchMode):
    """Counts what torch is asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


def operations(fit: Fit, monkeypatch: pytest.MonkeyPatch, config: str, steps: str, *arguments: str) -> Counter[str]:
    """What the making of batches and the training on them ask for in an epoch."""
    counting = Operations()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            with counting:
                return function(*args)

        return call

    with monkeypatch.context() as patch:
        for owner, name in ((Steps, "__call__"), (Classifier, "shared_step"), (BatchLoader, "_make")):
            if not (steps == "1" and owner is Steps) and not (steps != "1" and owner is Classifier):
                patch.setattr(owner, name, counted(getattr(owner, name)))
        fit("--steps_per_execution", steps, "--test_after_fit", "false", "--data.val_fraction", "0", *arguments,
            config=config)  # fmt: skip
    return counting.counts


WAITS = ("aten._local_scalar_dense", "aten.item", "aten.nonzero", "aten.is_nonzero", "aten.equal")


@pytest.mark.parametrize(
    ("config", "more", "steps"),
    [("dense.yaml", [], "1"), ("dense.yaml", [], "3"), ("cnn_regularized.yaml", MIXED, "1")]
    + [pytest.param("cnn_regularized.yaml", MIXED, "3", marks=pytest.mark.slow)],
)
def test_a_step_neither_waits_for_the_device_nor_goes_image_by_image(
    fit: Fit, monkeypatch: pytest.MonkeyPatch, config: str, more: list[str], steps: str
) -> None:
    few = operations(fit, monkeypatch, config, steps, *more, "--data.synthetic_size", "60", "--data.batch_size", "10")
    many = operations(fit, monkeypatch, config, steps, *more, "--data.synthetic_size", "240", "--data.batch_size", "40")
    assert few["aten.addmm.default"] >= 6 * 2, "six steps were counted"
    assert few == many, "batches four times as large ask for the same operations"
    assert not [name for name in few if name.startswith(WAITS)]
