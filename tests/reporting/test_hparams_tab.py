"""TensorBoard's HParams tab, asked over HTTP as a browser does: the first columns, runs of two configs in one table."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.config import Config
from fmnist_pl.training.hyperparameters import hyperparameters
from fmnist_pl.training.options import resolve_config

SHOWN = 5  # parameters and metrics that the tab opens with
SECONDS = 200  # for a server to start, on a busy machine


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """Serve a folder; yields the address."""
    options = ["--logdir", str(folder), "--port", "0", "--load_fast=false"]
    log = folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen([sys.executable, "-m", "tensorboard.main", *options], stdout=output, stderr=output)
    try:
        end = time.monotonic() + SECONDS
        while "http://" not in log.read_text():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.3)
        yield next(word for word in log.read_text().split() if word.startswith("http://"))
    finally:
        server.terminate()
        server.wait()


def answer(address: str, request: str, body: dict[str, Any]) -> Any:
    url = f"{address}data/plugin/hparams/{request}"
    content = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(content, timeout=60) as response:
        return json.loads(response.read())


def tab(address: str, runs: int) -> tuple[list[str], list[str], dict[str, dict[str, Any]]]:
    """Names of the parameters and the metrics that the tab opens with, and the parameters of each run."""
    body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS"], "sliceSize": 100}
    end = time.monotonic() + SECONDS
    while len(groups := answer(address, "session_groups", body | {"colParams": []}).get("sessionGroups", [])) < runs:
        assert time.monotonic() < end, groups
        time.sleep(1)
    experiment = answer(address, "experiment", {"experimentName": "", "hparamsLimit": 1000})
    # as the page does: those that differ first
    names = [info["name"] for info in sorted(experiment["hparamInfos"], key=lambda info: not info.get("differs"))]
    metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
    return names[:SHOWN], metrics[:SHOWN], {group["name"]: group["hparams"] for group in groups}


@pytest.mark.slow
def test_runs_of_two_configs_are_one_table(fit: Callable[..., Any], tmp_path: Path) -> None:
    fit("--trainer.logger", "true", "--optimizer.lr", "0.01", "--data.batch_size", "64")
    fit("--model.blocks", "[[4]]", "--data.batch_size", "60", "--model.dropout", "0.2", config="cnn.yaml", epochs=2)
    with tensorboard(tmp_path) as address:
        names, metrics, runs = tab(address, 2)
    assert names[:4] == ["Batch size", "Epochs", "Learning rate", "Model"]
    assert metrics == [f"Final/{name}" for name in ("test_acc", "test_loss", "train_seconds", "val_acc", "val_loss")]
    assert {name: run["Model"] for name, run in runs.items()} == {"dense/version_0": "Dense", "cnn/version_0": "CNN"}
    assert (runs["dense/version_0"]["Learning rate"], runs["dense/version_0"]["Batch size"]) == (0.01, 64)
    assert runs["cnn/version_0"]["model.dropout"] == 0.2, "a key that the other run does not have"
    assert not any("brightness" in key for run in runs.values() for key in run), "defaults are left out"


@pytest.mark.slow
def test_a_table_of_trials(fit: Callable[..., Any], tmp_path: Path) -> None:
    from fmnist_pl.tuning import Search, tune

    overrides = {"data.source": "synthetic", "data.synthetic_size": 300, "model.init_args.hidden_sizes": [8]}
    space = {"optimizer.init_args.lr": {"float": {"low": 1e-4, "high": 1e-2}}, "data.batch_size": {"categorical": [32]}}
    search = Search("dense.yaml", space=space, overrides=overrides, n_trials=2, epochs=1, refit=False, folder=tmp_path)
    trials = tune(search).study.trials
    with tensorboard(tmp_path / "dense/tensorboard") as address:
        names, metrics, runs = tab(address, 2)
    assert names[:2] == ["Learning rate", "Batch size"], "what differs comes first"
    assert metrics[0] == "Final/val_acc"
    for trial in trials:
        found = runs[f"trial_{trial.number:04}"]
        assert found["Learning rate"] == pytest.approx(trial.params["optimizer.init_args.lr"])
        assert found["state"] == trial.state.name.lower()


@pytest.fixture(scope="module")
def dense() -> Config:
    return resolve_config(["fit", "--config", "dense.yaml", "--data.augment.shift", "0.1"])


def test_what_differs_from_the_defaults(dense: Config) -> None:
    values = hyperparameters(dense)
    assert (values["Model"], values["Batch size"], values["Epochs"], values["Seed"]) == ("Dense", 32, 5, 0)
    assert values["data.augment.shift"] == 0.1
    assert values["lr_scheduler"] == "OneCycle"
    for key in ("data.augment.zoom", "model.dropout", "optimizer.betas", "data.batch_size", "name"):
        assert key not in values


def test_params_of_a_trial_are_columns_by_the_same_names(dense: Config) -> None:
    values = hyperparameters(dense, {"optimizer.init_args.lr": 0.5, "model.init_args.hidden_sizes.0": 8})
    assert values["Learning rate"] == 0.5
    assert values["model.hidden_sizes.0"] == 8


def test_a_class_named_by_its_last_part(dense: Config) -> None:
    short = {"class_path": "SGD", "init_args": {"momentum": 0.9, "fused": True}}  # as in configs/search/dense.yaml
    values = hyperparameters(dense | {"optimizer": short})
    assert (values["optimizer"], values["optimizer.momentum"]) == ("SGD", 0.9)
