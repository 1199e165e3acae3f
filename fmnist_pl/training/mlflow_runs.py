"""A search in MLflow: a parent run, found again by its name, with a child run for each trial."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fmnist_pl.training.trackers import MLFLOW, mlflow_arguments

STUDY, CHILD, PARENT = "fmnist_pl.study", "fmnist_pl.trial", "mlflow.parentRunId"
"""Tags: of a parent, its name; of a child, its number and its parent."""
LONGEST_VALUE = 500  # characters of a parameter, in all versions of MLflow
PAGE = 1000  # runs in one answer


@dataclass(frozen=True)
class Child:
    """A child run, complete."""

    number: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    curve: Mapping[int, float]
    """Validation accuracy by step."""
    tags: Mapping[str, str]
    status: str
    """FINISHED, KILLED or FAILED."""
    start: int
    """Time in milliseconds since 1970, as `end`."""
    end: int


class ParentRun:
    """The run of a search. It is made when it is first used, unless there is one of its name."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        """Connect to MLflow.

        Args:
            name: Name of the search.
            arguments: Of MLFlowLogger: its address and experiment.
        """
        from mlflow import MlflowClient

        self._name, self._arguments, self._client = name, arguments, MlflowClient(arguments["tracking_uri"])

    @cached_property
    def run_id(self) -> str:
        """The run's id in MLflow."""
        found = self._runs(f"tags.`{STUDY}` = '{self._name}'")
        if found:
            return str(found[0].info.run_id)
        return str(self._client.create_run(self._experiment, tags={STUDY: self._name}, run_name=self._name).info.run_id)

    def numbers(self) -> set[int]:
        """Numbers of the child runs so far."""
        runs = self._runs(f"tags.`{PARENT}` = '{self.run_id}'")
        return {int(run.data.tags[CHILD]) for run in runs if CHILD in run.data.tags}

    def add(self, child: Child) -> None:
        """Write a child run."""
        from mlflow.entities import Metric, Param

        tags = {PARENT: self.run_id, CHILD: str(child.number), **child.tags}
        created = self._client.create_run(self._experiment, child.start, tags, f"trial {child.number}")
        run_id = created.info.run_id
        metrics = [Metric("val/acc", value, child.end, step) for step, value in child.curve.items()]
        metrics += [Metric(name, value, child.end, 0) for name, value in child.metrics.items()]
        params = [Param(key, str(value)[:LONGEST_VALUE]) for key, value in child.params.items()]
        for first in range(0, len(params), 100):  # the largest batch
            self._client.log_batch(run_id, params=params[first : first + 100])
        for first in range(0, len(metrics), PAGE):
            self._client.log_batch(run_id, metrics=metrics[first : first + PAGE])
        self._client.set_terminated(run_id, child.status, child.end)

    def start(self) -> None:
        """Show the search as running."""
        self._client.update_run(self.run_id, status="RUNNING")

    def finish(
        self, metrics: Mapping[str, float], search: dict[str, Any], files: Iterable[Path], is_complete: bool
    ) -> None:
        """End the run of the search.

        Args:
            metrics: Results so far.
            search: Keys of the search.
            files: Artifacts.
            is_complete: Whether all trials are done; otherwise the run counts as killed.
        """
        for name, value in metrics.items():
            self._client.log_metric(self.run_id, name, value)
        self._client.log_dict(self.run_id, search, "search.yaml")
        for path in files:
            self._client.log_artifact(self.run_id, str(path))
        self._client.set_terminated(self.run_id, "FINISHED" if is_complete else "KILLED")

    def logger_of_child(self, name: str) -> dict[str, Any]:
        """Value of ``trainer.logger`` for a training that is a child run of this name."""
        tags = (self._arguments.get("tags") or {}) | {PARENT: self.run_id}
        return {"class_path": MLFLOW, "init_args": self._arguments | {"tags": tags, "run_name": name}}

    @cached_property
    def _experiment(self) -> str:
        name = self._arguments["experiment_name"]
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, self._arguments.get("artifact_location")))

    def _runs(self, condition: str) -> list[Any]:
        runs, token = list[Any](), None
        while True:
            page = self._client.search_runs([self._experiment], condition, max_results=PAGE, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs


def parent_run(configured: Any, root: Path, name: str) -> ParentRun | None:
    """The parent run of a search, if its config names MLFlowLogger.

    Args:
        configured: Value of ``trainer.logger`` as plain data.
        root: Folder of the database, unless the config names an address.
        name: Name of the search.

    Raises:
        UserError: MLflow is not installed.
    """
    arguments = mlflow_arguments(configured, str(root), name)
    return None if arguments is None else ParentRun(name, arguments)
