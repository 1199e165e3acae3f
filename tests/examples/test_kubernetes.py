"""The manifest in examples/kubernetes: sound by Kubernetes' own schema, and its command does what it says."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.tuning.test_workers import running, trials_of, wait_for

MANIFEST = ROOT / "examples/kubernetes/search.yaml"
LONG = 500  # seconds: the machine may be busy


@pytest.fixture
def manifest() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    return content


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_the_manifest_fits_the_schema(manifest: dict[str, Any], version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed").validate
    validate(manifest, version, strict=True)
    manifest["spec"]["completion"] = 4
    with pytest.raises(Exception, match="completion"):
        validate(manifest, version, strict=True)


def test_the_password_is_in_the_secret_alone(manifest: dict[str, Any]) -> None:
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    storage = next(variable for variable in container["env"] if variable["name"] == "FMNIST_STORAGE")
    assert set(storage["valueFrom"]) == {"secretKeyRef"}
    assert "--storage" not in container["args"]


@pytest.mark.slow
def test_pods_share_the_study_and_one_is_evicted(
    manifest: dict[str, Any], checkout: Path, quick_search: list[str], postgres: str
) -> None:
    pods = [start_pod(manifest, checkout, number, quick_search, postgres) for number in range(2)]
    home = checkout / "kubernetes"
    try:
        wait_for(lambda: running(home, postgres), LONG)
        pods[0].send_signal(signal.SIGTERM)
        _, errors = pods[0].communicate(timeout=LONG)
        rules = manifest["spec"]["podFailurePolicy"]["rules"]
        ignored = next(rule["onExitCodes"]["values"] for rule in rules if "onExitCodes" in rule)
        assert [pods[0].returncode] == ignored, errors
        assert "Traceback" not in errors
        pods.append(start_pod(manifest, checkout, 2, quick_search, postgres))  # in its place
        for pod in pods[1:]:
            _, errors = pod.communicate(timeout=LONG)
            assert pod.returncode == 0, errors
    finally:
        for pod in pods:
            pod.kill()
            pod.communicate()
    trials = trials_of(home, postgres)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    assert {trial.user_attrs["attempts"] for trial in trials} == {1}, "an eviction is no failed attempt"


def start_pod(
    manifest: dict[str, Any], checkout: Path, number: int, search: list[str], storage: str
) -> subprocess.Popen[str]:
    """Start the command of the manifest, for a smaller search, in a folder of its own as in a pod."""
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["fmnist-tune"]
    folder = checkout / f"pod_{number}"
    folder.mkdir()
    smaller = {"cnn.yaml": f"../{search[1]}", "100": "4"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tune.py"), *(smaller.get(argument, argument) for argument in container["args"])],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "FMNIST_STORAGE": storage, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
