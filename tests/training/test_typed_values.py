"""Numbers and classes that a user types: what no run can use is refused in a line that names the key."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.errors import UserError
from fmnist_pl.training import main, train
from fmnist_pl.training.options import resolve_config
from tests.conftest import NO_PICTURES, SMALL, run_folder
from tests.training.recipes import MIXED

DENSE = ["fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1"]
CNN = ["fit", "--config", "cnn.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1"]
CORES = os.cpu_count() or 1

REFUSED = {
    "lr": ([*DENSE, "--optimizer.lr", "-1"], r"optimizer.lr: got -1"),
    "lr nan": ([*DENSE, "--optimizer.lr", ".nan"], r"optimizer.lr: got nan"),
    "betas": ([*DENSE, "--optimizer.betas", "[2, 3]"], r"optimizer: Adam .*beta"),
    "fused and foreach": ([*DENSE, "--optimizer.foreach", "true"], r"optimizer: Adam .*fused"),
    "seed": ([*DENSE, "--seed_everything", "-1"], r"seed_everything: got -1; give 0 to 4,294,967,295"),
    "split seed": ([*DENSE, "--data.split_seed", "1" + "0" * 30], r"data.split_seed: got 1"),
    "dropout": ([*DENSE, "--model.dropout", "1.1"], r"model.dropout: got 1.1"),
    "more than all mixed": (
        [*DENSE, "--data.augment.cutmix", "0.7", "--data.augment.mixup", "0.4"],
        r"data.augment.cutmix \+ data.augment.mixup: got 0.7 \+ 0.4; give at most 1",
    ),
    "smoothing": ([*DENSE, "--model.label_smoothing", "2"], r"model.label_smoothing: got 2"),
    "negative smoothing": ([*DENSE, "--model.label_smoothing", "-1"], r"model.label_smoothing: got -1"),
    "no units": ([*DENSE, "--model.hidden_sizes", "[0]"], r"model.hidden_sizes: got 0"),
    "a million units": ([*DENSE, "--model.hidden_sizes", "[1000000]"], r"model.hidden_sizes: got 1000000"),
    "many large layers": ([*DENSE, "--model.hidden_sizes", "[60000, 60000]"], r"model: .* parameters"),
    "many layers": ([*DENSE, "--model.hidden_sizes", str([8] * 101)], r"model.hidden_sizes: got more than 100"),
    "kernel": ([*CNN, "--model.kernel_size", "-1"], r"model.kernel_size: got -1"),
    "large kernel": ([*CNN, "--model.kernel_size", "[3, 1000, 3, 3]"], r"model.kernel_size: got 1000"),
    "blocks": ([*CNN, "--model.blocks", "[[100000000]]"], r"model.blocks: got 100000000"),
    "synthetic size": ([*DENSE, "--data.synthetic_size", "1000000000"], r"data.synthetic_size: got 1000000000"),
    "batch size": ([*DENSE, "--data.batch_size", "1000000000"], r"data.batch_size: got 1000000000"),
    "threads": ([*DENSE, "--threads", "1000000"], r"threads: got 1000000"),
    "nearly all for validation": ([*DENSE, "--data.val_fraction", "0.9999"], r"data.val_fraction: .*none to train on"),
    "accumulation": ([*DENSE, "--trainer.accumulate_grad_batches", "0"], r"trainer.accumulate_grad_batches: got 0"),
    "clipping": ([*DENSE, "--trainer.gradient_clip_val", "-1"], r"trainer.gradient_clip_val: got -1"),
    "devices": ([*DENSE, "--trainer.devices", "99999"], rf"trainer.devices: got 99999 .*give 1 to {CORES}"),
    "no devices": ([*DENSE, "--trainer.devices", "0"], r"trainer.devices: got 0"),
    "validation at no step": ([*DENSE, "--trainer.val_check_interval", "0"], r"trainer.val_check_interval: got 0"),
    "time": ([*DENSE, "--trainer.max_time", "soon"], r"trainer.max_time: got soon.*DD:HH:MM:SS"),
    "strategy": ([*DENSE, "--trainer.strategy", "magic"], r"trainer.strategy: got magic"),
    "logger": ([*DENSE, "--trainer.logger", "CSVLogger"], r"trainer.logger: .*save_dir"),
    "callback": (
        [*DENSE, "--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor", "val/loss",
         "--trainer.callbacks.mode", "magic"],
        r"trainer.callbacks: EarlyStopping .*mode",
    ),
    "schedule": ([*DENSE, "--lr_scheduler", "OneCycleLR", "--lr_scheduler.max_lr", "0.1"], r"lr_scheduler: OneCycleLR"),
    "zero steps": ([*DENSE, "--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "0"], r"lr_scheduler.step_siz"),
    "null": ([*DENSE, "--model.activation", "null"], r"model.activation: got null"),
    "profiler": ([*DENSE, "--trainer.profiler", "magic"], r"trainer.profiler: got magic"),
    "accelerator": ([*DENSE, "--trainer.accelerator", "tpu"], r"trainer.accelerator: got tpu"),
    "a word": ([*DENSE, "--optimizer.lr", "fast"], r"optimizer.lr: expected float"),
    "timer": ([*DENSE, "--trainer.callbacks+", "Timer"], r"a class of the config .*leave it out"),
    "plateau": ([*DENSE, "--lr_scheduler", "Plateau", "--lr_scheduler.factor", "2"], r"lr_scheduler: Plateau .*actor"),
    "network": (
        [*DENSE, "--model", "Classifier", "--model.network", "torch.nn.Linear", "--model.network.in_features=-1",
         "--model.network.out_features=10"],
        r"model.network: Linear .*negative",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_a_line_that_names_the_key(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.match(f"error: {message}", lines[0]), lines[0]
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


IN_TRAINING = {
    "batch norm of one image": (["--model.batch_norm", "true", "--data.batch_size", "1"], r"data.batch_size: "),
    "sparse": (["--optimizer", "SparseAdam", "--optimizer.lr", "0.1"], r"optimizer: SparseAdam"),
    "end of a cycle": (
        ["--lr_scheduler", "OneCycleLR", "--lr_scheduler.max_lr=0.1", "--lr_scheduler.total_steps=1"],
        r"lr_scheduler: OneCycleLR",
    ),
}


@pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler is using")
@pytest.mark.parametrize("case", IN_TRAINING)
def test_what_a_library_refuses_in_training(fit: Callable[..., dict[str, Any]], case: str) -> None:
    arguments, message = IN_TRAINING[case]
    with pytest.raises(UserError, match=message):
        fit(*arguments, epochs=3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_batch_size_that_lightning_finds(fit: Callable[..., dict[str, Any]]) -> None:
    assert "test" in fit("--trainer.callbacks+", "BatchSizeFinder", "--trainer.callbacks.max_trials", "2")


def test_an_optimizer_that_needs_the_loss_again(fit: Callable[..., dict[str, Any]]) -> None:
    assert "test" in fit("--optimizer", "LBFGS", "--optimizer.lr", "0.1", "--optimizer.max_iter", "2")


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", pytest.param("16-true", marks=pytest.mark.slow)])
def test_number_formats_of_all_weights(fit: Callable[..., dict[str, Any]], precision: str) -> None:
    reported = ["--report", "true"] if precision == "16-true" else []
    weighted = ["--model.class_weights", str([1.0] * 10)]
    assert "test" in fit(
        "--trainer.precision", precision, "--optimizer", "SGD", "--optimizer.lr", "0.01", *reported, *MIXED, *weighted
    )


def test_a_fault_of_ours_shows_its_traceback(
    fit: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(*_: Any) -> None:
        torch.zeros(2, 3) @ torch.zeros(2, 3)

    monkeypatch.setattr("fmnist_pl.models.Classifier.shared_step", step)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        fit()


def test_keys_of_ones_own_model_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_model.py").write_text(
        "from fmnist_pl.models import Classifier\nfrom fmnist_pl.networks import Dense\n"
        "class Percent(Classifier):\n"
        "    def __init__(self, dropout: float = 10.0, **kwargs):\n"
        "        super().__init__(Dense(dropout=dropout / 100), **kwargs)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    resolve_config(["fit", "--config", "dense.yaml", "--model", "own_model.Percent", "--model.dropout", "20"])


def test_a_checkpoint_is_named_if_its_own_config_is_refused(fit: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    fit()
    last = run_folder(tmp_path) / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    for key, value in (("hidden_sizes", [10**9]), ("hidden_size", [8])):
        changed = tmp_path / f"{key}.ckpt"
        content["config"]["model"]["init_args"][key] = value
        torch.save(content, changed)
        for command in ("fit", "test"):
            with pytest.raises(UserError, match=rf"the config in .*{key}.ckpt: model.*{key}"):
                train([command, "--ckpt_path", str(changed)])
        del content["config"]["model"]["init_args"][key]
    with pytest.raises(UserError, match=r"^data.batch_size: got 0"):
        train(["test", "--ckpt_path", str(last), "--data.batch_size", "0"])
