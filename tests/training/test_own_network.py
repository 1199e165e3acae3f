"""A network of one's own: named by its import path, with arguments that are checked, saved and searched."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.predictor import Predictor
from fmnist_pl.training import train
from tests.conftest import NO_PICTURES, ROOT, SMALL, run_folder

EXAMPLE = ROOT / "examples/own_network"
IMAGES = torch.randint(0, 256, (5, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example's files, as the working folder, importable."""
    folder = tmp_path / "mine"
    shutil.copytree(EXAMPLE, folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def fit(folder: Path, *arguments: str) -> dict[str, Any]:
    common = [*SMALL, *NO_PICTURES, "--trainer.max_epochs", "1", "--trainer.default_root_dir", str(folder / "runs")]
    return train(["fit", "--config", "tiny_net.yaml", *common, *arguments])


@pytest.mark.parametrize(
    "network",
    [
        ["tiny_net.TinyNet", "--model.network.width", "8"],
        pytest.param(["tiny_net.ResNet18"], marks=pytest.mark.slow),
    ],
    ids=lambda network: network[0],
)
def test_it_trains_and_is_rebuilt_from_its_checkpoint(beside: Path, network: list[str]) -> None:
    arguments = ["--data.synthetic_size", "100", "--data.batch_size", "45"] if "ResNet18" in network[0] else []
    metrics = fit(beside, "--model.network", *network, *arguments)
    best = run_folder(beside / "runs", "tiny_net") / "checkpoints/best.ckpt"
    checkpoint = read_checkpoint(best)
    assert checkpoint.config["model"]["init_args"]["network"]["class_path"] == network[0]
    assert metrics["params"] == sum(parameter.numel() for parameter in checkpoint.network().parameters())
    again = train(["test", "--ckpt_path", str(best), "--report", "false"])
    assert again["test"] == metrics["test"]
    probabilities = Predictor.from_checkpoint(best).predict(IMAGES).probabilities
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.network.wdth", "3"], "wdth"),
        (["--model.network.width", "many"], "width.*many"),
        (["--model.network", "tiny_net.HugeNet"], "HugeNet"),
        (["--model.network", "no_such_file.Net"], "no_such_file"),
        (["--model.network", "torch.nn.Identity"], r"model.network: Identity .*return logits \(2, 10\)"),
        (["--model.network", "torch.nn.Bilinear", "--model.network.in1_features=1", "--model.network.in2_features=1",
          "--model.network.out_features=1"], "model.network: Bilinear does not take images"),
    ],
)  # fmt: skip
def test_its_arguments_and_shapes_are_checked(beside: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit(beside, *arguments)


@pytest.mark.slow
def test_its_arguments_are_searched(beside: Path) -> None:
    from fmnist_pl.tuning import Search, tune

    keys = yaml.safe_load((beside / "search.yaml").read_text())
    keys["base"] = "tiny_net.yaml"
    keys["overrides"] = {"data.source": "synthetic", "data.synthetic_size": 200, "trainer.accelerator": "cpu"}
    outcome = tune(Search(**keys | {"epochs": 1, "n_trials": 2, "refit": False, "folder": beside / "tune"}))
    assert {"width", "dropout", "lr"} == {key.rpartition(".")[2] for key in outcome.study.best_trial.params}


def test_a_checkpoint_of_it_needs_its_module(beside: Path, tmp_path: Path) -> None:
    fit(beside)
    best = run_folder(beside / "runs", "tiny_net") / "checkpoints/best.ckpt"
    del sys.modules["tiny_net"]
    with pytest.raises(UserError, match=r"tiny_net.TinyNet.*import its module"):
        Predictor.from_checkpoint(best)


@pytest.mark.slow
def test_the_programs_find_it_in_the_working_folder(beside: Path, program: Callable[..., Any]) -> None:
    shutil.copytree(beside, beside.parent, dirs_exist_ok=True)
    done = program("fit", "--config", "tiny_net.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1")
    assert done.returncode == 0, done.stderr
    best = beside.parent / "runs/tiny_net/version_0/checkpoints/best.ckpt"
    command = [sys.executable, "-m", "fmnist_pl.export", "--ckpt_path", str(best), "--format", "torch_export"]
    done = subprocess.run(
        [*command, "--network_module", "tiny_net"],
        capture_output=True, text=True, cwd=beside, timeout=120, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.endswith("done\n"), done.stderr
