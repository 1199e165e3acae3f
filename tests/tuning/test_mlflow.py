"""A search with MLFlowLogger: one parent run, one child run per trial, the refit."""

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SECONDS = 500  # of a search, on a busy machine


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")  # of MLflow's own code
def test_a_search_in_mlflow(
    tune_program: Callable[..., subprocess.Popen[str]], quick_file: Path, tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient

    search = ["--config", str(quick_file), "--overrides.trainer.logger", "MLFlowLogger"]
    refit = ["--refit", "true", "--refit-epochs", "1"]
    for more in (["--n-trials", "2", "--workers", "2"], ["--n-trials", "3", *refit]):
        process = tune_program(*search, *more)
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, out + err
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs/tune/mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("fmnist_pl").experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.info.run_name: run for run in runs if run is not parent}
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    assert set(children) == {*(f"trial {number}" for number in range(3)), "refit"}, "each once, also after a restart"
    assert (parent.info.run_name, parent.info.status, parent.data.metrics["trials"]) == ("quick", "FINISHED", 3)
    with (tmp_path / "runs/tune/quick/trials.csv").open() as file:
        for row in csv.DictReader(file):
            child = children[f"trial {row['trial']}"]
            assert child.data.tags["state"] == row["state"].lower()
            assert child.data.params["optimizer.init_args.lr"] == row["optimizer.init_args.lr"]
            assert child.data.params["data.synthetic_size"] == "300"
            if row["accuracy"]:
                assert child.data.metrics["accuracy"] == float(row["accuracy"])
    assert "test/acc" in children["refit"].data.metrics
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} >= {"best.yaml", "trials.csv"}
