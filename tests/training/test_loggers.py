"""Loggers of ``trainer.logger``: each is read back by its own tool and has config, metrics, figures and test result."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from lightning_utilities.core.imports import RequirementCache
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fmnist_pl.errors import UserError
from fmnist_pl.reporting.report_figures import FIGURES
from fmnist_pl.training import main
from fmnist_pl.training.options import Options
from tests.conftest import NO_PICTURES, ROOT, SMALL, run_folder

FIT = ["fit", "--config", "dense.yaml", *SMALL, "--trainer.max_epochs", "2", "--model.hidden_sizes", "[8]"]
EPOCH_METRICS = ("train/loss", "train/acc", "val/loss", "val/acc")
SECONDS = 500  # of a program, on a busy machine

ignores_warnings = pytest.mark.filterwarnings("ignore::Warning")  # of the tools' own code


class Run(NamedTuple):
    """A run of train.py with all loggers."""

    root: Path
    folder: Path
    metrics: dict[str, Any]
    history: list[dict[str, float]]

    def figures(self) -> set[str]:
        """Names of the figures of the report."""
        return {entry.name for entry in FIGURES if (self.folder / f"report/{entry.name}.png").exists()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tracked")
    loggers = Path(__file__).with_name("trackers.yaml")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FMNIST", "WANDB", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *FIT, "--config", str(loggers)],
        capture_output=True, text=True, cwd=folder, timeout=SECONDS, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    home = run_folder(folder / "runs")
    metrics, history = (json.loads((home / name).read_text()) for name in ("metrics.json", "history.json"))
    return Run(folder / "runs", home, metrics, history)


@pytest.mark.slow
def test_nothing_is_written_outside_the_folder_of_runs(run: Run) -> None:
    assert [path.name for path in run.root.parent.iterdir()] == ["runs"]
    assert {path.name for path in run.root.iterdir()} == {"dense", "mlflow.db", "mlflow_artifacts", "wandb"}
    assert [path.name for path in (run.root / "dense").iterdir()] == ["version_0"]


@pytest.mark.slow
def test_csv(run: Run) -> None:
    rows = list(csv.DictReader((run.folder / "csv/metrics.csv").read_text().splitlines()))
    for name in EPOCH_METRICS:
        found = [float(row[name]) for row in rows if row[name]]
        assert found == pytest.approx([epoch[name] for epoch in run.history]), name
    (test,) = [float(row["test/acc"]) for row in rows if row["test/acc"]]
    assert test == pytest.approx(run.metrics["test"]["acc"], abs=1e-6)
    config = yaml.safe_load((run.folder / "csv/hparams.yaml").read_text())
    assert config["model"]["init_args"]["hidden_sizes"] == [8]
    assert config["folder"] == "runs/dense/version_0"


@pytest.mark.slow
@ignores_warnings
def test_mlflow(run: Run) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{run.root / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("fmnist_pl").experiment_id])
    assert (found.info.status, found.info.run_name) == ("FINISHED", "dense")
    assert found.data.params["model/init_args/hidden_sizes"] == "[8]"
    assert found.data.params["data/batch_size"] == "32"
    for name in EPOCH_METRICS:
        history = client.get_metric_history(found.info.run_id, name)
        assert [metric.value for metric in history] == pytest.approx([epoch[name] for epoch in run.history]), name
    assert found.data.metrics["test/acc"] == pytest.approx(run.metrics["test"]["acc"], abs=1e-6)
    assert found.data.metrics["test/top2"] == run.metrics["test"]["top2"]
    files = {Path(file.path).name for file in client.list_artifacts(found.info.run_id, "figures/test")}
    assert {name.rpartition("_")[0] for name in files} == run.figures()
    assert client.list_artifacts(found.info.run_id, "figures/train"), "a figure from the start of the training"
    page = client.download_artifacts(found.info.run_id, "report/report.html")
    assert Path(page).read_bytes() == (run.folder / "report/report.html").read_bytes()


def wandb_records(content: bytes) -> Iterator[Any]:
    """Records of W&B's offline file: a header, then fragments (checksum, length, kind) in blocks, as LevelDB's."""
    from wandb.proto.wandb_internal_pb2 import Record

    block, head = 2**15, 7
    place, record = head, b""
    while place + head <= len(content):
        if block - place % block < head:
            place += block - place % block
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + head : place + head + length]
        place += head + length
        if kind in (1, 4):  # whole, or the last fragment
            yield Record.FromString(record)
            record = b""


@pytest.mark.slow
@ignores_warnings
def test_wandb(run: Run) -> None:
    (path,) = run.root.glob("wandb/offline-run-*/run-*.wandb")
    config, history, summary, ended = dict[str, Any](), list[dict[str, Any]](), dict[str, Any](), list[int]()
    for record in wandb_records(path.read_bytes()):
        config |= {item.key: json.loads(item.value_json) for item in record.config.update}
        items = {".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        history += [items] if items else []
        summary |= items
        ended += [record.exit.exit_code] if record.HasField("exit") else []
    assert ended == [0]
    assert config["model"]["init_args"]["hidden_sizes"] == [8]
    for name in EPOCH_METRICS:
        found = [items[name] for items in history if name in items]
        assert found == pytest.approx([epoch[name] for epoch in run.history]), name
    assert summary["test/acc"] == pytest.approx(run.metrics["test"]["acc"], abs=1e-6)
    assert summary["Final/val_acc"] == run.metrics["val"]["acc"]
    images = list(path.parent.glob("files/media/images/test/*.png"))
    assert {image.name.rsplit("_", 2)[0] for image in images} == run.figures()


@pytest.mark.slow
def test_tensorboard_beside_them(run: Run) -> None:
    events = EventAccumulator(str(run.folder)).Reload()
    assert [event.value for event in events.Scalars("val/acc")] == pytest.approx([e["val/acc"] for e in run.history])
    assert events.Scalars("test/top2")[0].value == pytest.approx(run.metrics["test"]["top2"])
    assert "test/confusion_matrix" in events.Tags()["images"]


@pytest.mark.slow
@ignores_warnings
def test_two_trainings_in_one_process_are_two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    for _ in range(2):
        assert main([*FIT, *NO_PICTURES, "--trainer.logger", "WandbLogger", "--trainer.logger.offline", "true"]) == 0
    assert len(list(tmp_path.glob("runs/wandb/offline-run-*/run-*.wandb"))) == 2


@pytest.mark.parametrize(
    ("logger", "package"), [("MLFlowLogger", "lightning.pytorch.loggers.mlflow._MLFLOW_AVAILABLE"),
                            ("WandbLogger", "lightning.pytorch.loggers.wandb._WANDB_AVAILABLE")],
)  # fmt: skip
def test_a_missing_package(
    logger: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(package, RequirementCache("a-package-that-nobody-has"))
    assert main([*FIT, "--trainer.default_root_dir", str(tmp_path), "--trainer.logger", logger]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert logger in line
    assert "pip install -e '.[trackers]'" in line
    assert list(tmp_path.iterdir()) == []


def test_wandb_without_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("No API key configured")

    monkeypatch.setattr("wandb.init", refuse)
    assert main([*FIT, "--trainer.default_root_dir", str(tmp_path), "--trainer.logger", "WandbLogger"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "--trainer.logger.offline true" in line
    assert list(tmp_path.iterdir()) == [], "no run is begun"


def test_a_place_of_the_user_stays(tmp_path: Path) -> None:
    given = ["--trainer.logger", "MLFlowLogger", "--trainer.logger.tracking_uri", "http://localhost:1"]
    options = Options("fit", ["--config", "dense.yaml", *SMALL, "--trainer.default_root_dir", str(tmp_path), *given])
    assert options.config_init.trainer.logger.save_dir is None, "a server"
    assert list(tmp_path.iterdir()) == []


def test_lightnings_csv_logger_needs_a_folder() -> None:
    with pytest.raises(UserError, match="trainer.logger: .*save_dir"):
        Options("fit", ["--config", "dense.yaml", "--trainer.logger", "CSVLogger"])
