"""A whole run: what it leaves, what it says, what can be set."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fmnist_pl.config import CONFIG_FOLDER
from fmnist_pl.errors import UserError
from fmnist_pl.models import DenseClassifier
from fmnist_pl.training import train
from tests.conftest import NO_PICTURES, SMALL, run_folder, weights

Fit = Callable[..., dict[str, Any]]
FILES = sorted([*CONFIG_FOLDER.glob("*.yaml"), *CONFIG_FOLDER.glob("records/*.yaml")])
CONFIGS = [path.relative_to(CONFIG_FOLDER) for path in FILES]


def test_a_run_leaves_what_the_readme_says(fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = fit(epochs=2)
    folder = run_folder(tmp_path)
    assert {p.name for p in folder.iterdir() if "tfevents" not in p.name} == {
        "checkpoints",
        "config.yaml",
        "history.json",
        "metrics.json",
    }
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert metrics["config"] == "dense"
    assert (metrics["data_source"], metrics["seed"], metrics["params"]) == ("synthetic", 0, 101_770)
    assert (metrics["device"], metrics["epochs"]) == ("cpu", 2)
    assert metrics["train_seconds"] > 0
    assert metrics["images_per_second"] > 0
    assert metrics["versions"]["torch"] == torch.__version__
    for stage in ("val", "test"):
        assert 0 <= metrics[stage]["acc"] <= 1
        assert metrics[stage]["loss"] > 0
    printed = capsys.readouterr().out
    assert len(re.findall(r"^epoch +\d/2 +train loss .* val loss .* images/s$", printed, re.MULTILINE)) == 2
    assert str(folder) in printed
    assert "say nothing about Fashion-MNIST" in printed


def test_the_best_epoch_is_tested_not_the_last(fit: Fit, tmp_path: Path) -> None:
    # a rate that ruins the weights in the second epoch
    spoil = [
        "--optimizer",
        "SGD",
        "--optimizer.lr",
        "0.05",
        "--lr_scheduler",
        "StepLR",
        "--lr_scheduler.step_size",
        "1",
    ]
    metrics = fit(*spoil, "--lr_scheduler.gamma", "200", epochs=2)
    best = run_folder(tmp_path) / "checkpoints/best.ckpt"
    assert torch.load(best, weights_only=True)["epoch"] == 0
    again = train(["test", "--ckpt_path", str(best), "--trainer.default_root_dir", str(tmp_path), "--report", "false"])
    assert again["test"] == metrics["test"]
    again = train(["validate", "--ckpt_path", str(best), "--trainer.default_root_dir", str(tmp_path)])
    assert again["val"] == metrics["val"]
    config = yaml.safe_load((run_folder(tmp_path, version=1) / "config.yaml").read_text())
    assert config["trainer"]["max_epochs"] == 2, "an evaluation has a folder of its own, and tells of the training"


def test_the_saved_config_runs_again_to_the_same_end(fit: Fit, tmp_path: Path) -> None:
    first = fit("--model.dropout", "0.1", "--seed_everything", "5")
    again = train(["fit", "--config", str(run_folder(tmp_path) / "config.yaml")])
    assert again["val"] == first["val"]
    assert again["test"] == first["test"]
    assert run_folder(tmp_path, version=1).is_dir()


def test_flags_override_the_config(fit: Fit, tmp_path: Path) -> None:
    metrics = fit(
        "--model.hidden_sizes", "[64]", "--data.batch_size", "200", "--optimizer", "SGD", "--optimizer.lr", "0.1",
        "--model.activation", "tanh", "--lr_scheduler", "OneCycle", "--lr_scheduler.warmup", "0.5", "--name", "mine",
    )  # fmt: skip
    assert metrics["params"] == 784 * 64 + 64 + 640 + 10
    config = yaml.safe_load((run_folder(tmp_path, "mine") / "config.yaml").read_text())
    assert config["data"]["batch_size"] == 200
    assert config["optimizer"]["class_path"] == "torch.optim.SGD"
    assert config["lr_scheduler"]["init_args"]["warmup"] == 0.5


def test_predict_writes_a_table(fit: Fit, tmp_path: Path) -> None:
    metrics = fit()
    best = run_folder(tmp_path) / "checkpoints/best.ckpt"
    train(["predict", "--ckpt_path", str(best), "--trainer.default_root_dir", str(tmp_path)])
    lines = (run_folder(tmp_path, version=1) / "predictions.csv").read_text().splitlines()
    assert len(lines) == 101
    rows = [line.split(",") for line in lines[1:]]
    assert sum(row[1] == row[2] for row in rows) / 100 == pytest.approx(metrics["test"]["acc"])
    assert all(abs(sum(map(float, row[3:])) - 1) < 1e-4 for row in rows)
    two = ["--trainer.devices", "2", "--trainer.accelerator", "cpu", "--trainer.strategy", "ddp"]
    with pytest.raises(UserError, match="predict runs in one process"):
        train(["predict", "--ckpt_path", str(best), "--trainer.default_root_dir", str(tmp_path), *two])


def test_a_checkpoint_loads_without_the_command_line(fit: Fit, tmp_path: Path) -> None:
    fit()
    best = run_folder(tmp_path) / "checkpoints/best.ckpt"
    model = DenseClassifier.load_from_checkpoint(best, weights_only=True)
    assert torch.equal(model.state_dict()["network.1.weight"], weights(best)["network.1.weight"])


def test_without_validation_the_last_epoch_is_tested(fit: Fit, tmp_path: Path) -> None:
    metrics = fit("--data.val_fraction", "0")
    assert "val" not in metrics
    assert 0 <= metrics["test"]["acc"] <= 1
    assert {p.name for p in (run_folder(tmp_path) / "checkpoints").iterdir()} == {"last.ckpt"}


def test_no_test_when_told_so(fit: Fit) -> None:
    assert "test" not in fit("--test_after_fit", "false")


def test_a_quick_try_keeps_nothing(fit: Fit, tmp_path: Path) -> None:
    fit("--trainer.fast_dev_run", "true")
    assert list(tmp_path.iterdir()) == []


def test_folds(fit: Fit) -> None:
    scores = {fit("--data.num_folds", "3", "--data.fold", str(fold))["val"]["loss"] for fold in range(3)}
    assert len(scores) == 3


CALLBACKS = {
    "early stopping": (
        ["EarlyStopping", "--trainer.callbacks.monitor", "val/loss", "--trainer.callbacks.patience", "1"],
        9,
    ),
    "stop at accuracy": (["StopAtAccuracy", "--trainer.callbacks.threshold", "0.3"], 9),
    "average of weights": (["EMAWeightAveraging", "--trainer.callbacks.decay", "0.9"], 2),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_from_the_command_line(fit: Fit, name: str) -> None:
    arguments, most_epochs = CALLBACKS[name]
    metrics = fit("--trainer.callbacks+", *arguments, "--optimizer.lr", "0.01", epochs=most_epochs)
    if name == "average of weights":
        assert metrics["epochs"] == 2
    else:
        assert metrics["epochs"] < most_epochs


def test_the_average_of_weights_is_what_is_tested(fit: Fit, tmp_path: Path) -> None:
    average = ["--trainer.callbacks+", "EMAWeightAveraging", "--trainer.callbacks.decay", "0.9"]
    metrics = fit(*average, "--optimizer.lr", "0.01", epochs=2)
    best = str(run_folder(tmp_path) / "checkpoints/best.ckpt")
    again = train(["test", "--ckpt_path", best, "--report", "false"])
    assert metrics["test"] == again["test"]


def test_the_rate_falls_on_a_plateau(fit: Fit, tmp_path: Path) -> None:
    plateau = ["--lr_scheduler", "Plateau", "--lr_scheduler.patience", "0", "--lr_scheduler.threshold", "10"]
    fit(*plateau, epochs=4)
    checkpoint = torch.load(run_folder(tmp_path) / "checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["optimizer_states"][0]["param_groups"][0]["lr"] < 0.001


def events(folder: Path) -> dict[str, list[float]]:
    accumulator = EventAccumulator(str(folder)).Reload()
    return {tag: [event.value for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def test_tensorboard_has_curves_rate_graph_and_hyperparameters(fit: Fit, tmp_path: Path) -> None:
    metrics = fit(epochs=3)
    folder = run_folder(tmp_path)
    curves = events(folder)
    for tag in ("train/loss", "train/acc", "val/loss", "val/acc"):
        assert len(curves[tag]) == 3, f"{tag}: one point an epoch, and none of the final evaluation"
    assert curves["test/acc"] == [pytest.approx(metrics["test"]["acc"])]
    assert any(tag.startswith("lr-") for tag in curves)
    assert curves["Final/val_acc"] == [pytest.approx(metrics["val"]["acc"])]
    accumulator = EventAccumulator(str(folder)).Reload()
    assert accumulator.Tags()["graph"]
    plugins = accumulator.summary_metadata
    assert any(metadata.plugin_data.plugin_name == "hparams" for metadata in plugins.values())


def test_no_events_when_told_so(fit: Fit, tmp_path: Path) -> None:
    fit("--trainer.logger", "false")
    assert not list(run_folder(tmp_path).glob("*tfevents*"))
    assert (run_folder(tmp_path) / "metrics.json").exists()


def test_runs_never_share_a_folder(fit: Fit, tmp_path: Path) -> None:
    fit("--test_after_fit", "false")
    (tmp_path / "dense/version_7").mkdir()
    fit("--test_after_fit", "false")
    assert (run_folder(tmp_path, version=8) / "config.yaml").exists()


def test_a_small_network_fits_its_images(fit: Fit) -> None:
    metrics = fit("--data.synthetic_size", "300", "--data.val_fraction", "0.1", "--data.batch_size", "30", epochs=25)
    folder_metrics = metrics["val"]["acc"]
    assert folder_metrics > 0.5, "a broken step would stay at 0.1"


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_config_trains(config: Path, tmp_path: Path) -> None:
    first_line = (CONFIG_FOLDER / config).read_text().splitlines()[0]
    assert first_line.startswith(f"# python train.py fit --config {config}"), "the command stands first"
    metrics = train(
        ["fit", "--config", str(config), *SMALL, "--trainer.default_root_dir", str(tmp_path)]
        + ["--trainer.max_epochs", "1", "--data.synthetic_size", "300", *NO_PICTURES]
    )
    expected = {"dense": 101_770, "dense_deep": 118_282, "cnn": 467_626, "cnn_tuner": 1_341_834, "fast": 168_224}
    expected |= {"residual": 77_754, "separable": 3_650, "smallest": 1_948}
    assert metrics["params"] == expected.get(config.stem, metrics["params"])


def test_all_five_systems_have_a_config() -> None:
    names = {path.stem for path in CONFIGS}
    assert {"dense", "dense_deep", "cnn", "cnn_tuner", "cnn_regularized"} <= names


def test_a_checkpoint_of_the_tuner_network_loads_by_its_class(tmp_path: Path) -> None:
    from fmnist_pl.models import TunerCNNClassifier

    arguments = ["--config", "cnn_tuner.yaml", *SMALL, "--trainer.max_epochs", "1", "--model.filters_1", "8"]
    arguments += ["--data.synthetic_size", "100", *NO_PICTURES]
    train(["fit", *arguments, "--trainer.default_root_dir", str(tmp_path)])
    best = run_folder(tmp_path, "cnn_tuner") / "checkpoints/best.ckpt"
    model = TunerCNNClassifier.load_from_checkpoint(best, weights_only=True)
    assert model.network[0].weight.shape[0] == 8
