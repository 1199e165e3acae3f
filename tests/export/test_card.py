"""A model card has the head that model hubs read; foreign text in it is text and nothing else."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from fmnist_pl import console
from fmnist_pl.export.export import export as export_checkpoint
from fmnist_pl.reporting.statistics import wilson_interval
from fmnist_pl.weights import SHIPPED

HEAD = re.compile(r"---\n(.*?\n)---\n(.*)", re.DOTALL)
EVIL = "x\n---\nlicense: evil\n```\n\n<script>alert(1)</script>\n| a | b |\n````\n# no title"
REQUIRED = {
    "license": str,
    "library_name": str,
    "pipeline_tag": str,
    "tags": list,
    "datasets": list,
    "metrics": list,
    "model-index": list,
}
"""Fields of the hubs' specification and their types."""


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``python -m fmnist_pl.export`` in this process: returns the exit code."""

    def call(folder: Path, *arguments: str) -> int:
        checkpoint = str(folder / "checkpoints/best.ckpt")
        monkeypatch.setattr(sys, "argv", ["export", "--ckpt_path", checkpoint, *arguments])
        return console.run(export_checkpoint, "python -m fmnist_pl.export")

    return call


def parts(card: str) -> tuple[dict[str, Any], str]:
    """Head and text of a card."""
    found = HEAD.fullmatch(card)
    assert found
    return yaml.safe_load(found[1]), found[2]


def check_head(head: dict[str, Any]) -> None:
    """Compare a head with the hubs' specification (huggingface/hub-docs, modelcard.md)."""
    for field, kind in REQUIRED.items():
        assert type(head[field]) is kind, field
    assert all(type(text) is str for field in ("tags", "datasets", "metrics") for text in head[field])
    assert re.fullmatch(r"[a-z0-9.+-]+", head["license"])
    (model,) = head["model-index"]
    assert type(model["name"]) is str
    for result in model["results"]:
        assert {"task", "dataset", "metrics"} == set(result)
        assert result["task"]["type"] == head["pipeline_tag"] == "image-classification"
        assert all(type(result["dataset"][field]) is str for field in ("type", "name", "split"))
        for metric in result["metrics"]:
            assert type(metric["type"]) is str
            assert type(metric["value"]) is float
            assert type(metric["name"]) is str


def test_the_head_is_what_hubs_read(run: Path, export: Any) -> None:
    assert export(run, "--format", "safetensors", "--license", "apache-2.0") == 0
    file = run / "export/dense.safetensors"
    card = Path(f"{file}.md").read_text()
    head, text = parts(card)
    check_head(head)
    assert head["license"] == "apache-2.0"
    assert head["datasets"] == [], "silhouettes are no data set of a hub"
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"]["type"] == "synthetic"
    accuracy, own = result["metrics"][0], head["fmnist_pl"]
    assert own["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert own["sha256"] in text
    assert (own["bytes"], own["test_images"], own["trainings"]) == (file.stat().st_size, 100, 1)
    low, high = wilson_interval(accuracy["value"], 100)
    assert own["accuracy_interval_95"] == pytest.approx([low, high], abs=5e-5)
    assert f"{low:.4f} to {high:.4f}, n = 1" in accuracy["name"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert own["calibration_error"] == pytest.approx(metrics["test"]["ece"], abs=1e-4)
    assert own["hardware"] == metrics["device_name"]
    assert own["minutes"] == round(metrics["train_seconds"] / 60, 1)
    assert f"minutes on {metrics['device_name']}" in text
    for section in ("## Intended use", "## Unintended use", "## Limits"):
        assert section in text


@pytest.mark.slow
def test_a_hub_reads_the_head() -> None:
    pytest.importorskip("huggingface_hub", reason="the extra `app` is not installed")
    program = """
import sys
from huggingface_hub import ModelCard
data = ModelCard.load(sys.argv[1]).data
(result,) = data.eval_results
print(data.model_name, data.license, data.library_name, data.datasets[0], sep="|")
print(result.task_type, result.metric_type, result.metric_value, result.dataset_type, result.dataset_split, sep="|")
"""
    card = f"{SHIPPED}.md"
    accuracy = parts(Path(card).read_text())[0]["model-index"][0]["results"][0]["metrics"][0]["value"]
    done = subprocess.run([sys.executable, "-c", program, card], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == [
        "shipped|mit|fmnist_pl|zalando-datasets/fashion_mnist",
        f"image-classification|accuracy|{accuracy}|zalando-datasets/fashion_mnist|test",
    ], done.stderr


def test_foreign_text_stays_in_its_place(run: Path, export: Any) -> None:
    path = run / "checkpoints/best.ckpt"
    content = torch.load(path, weights_only=True)
    content["config"]["optimizer"]["init_args"]["note"] = EVIL
    torch.save(content, path)
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(metrics | {"device_name": EVIL}))
    assert export(run, "--format", "safetensors") == 0
    head, text = parts((run / "export/dense.safetensors.md").read_text())
    check_head(head)
    assert head["license"] == "unknown"
    (row,) = (line for line in text.splitlines() if line.startswith("| training |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 3, "two cells"
    assert not re.search(r"(?<!\\)[<`]", row)
    opening = re.search(r"^(`{3,})yaml$", text, re.MULTILINE)
    assert opening
    lines = text[opening.end() :].splitlines()
    closing = [number for number, line in enumerate(lines) if re.fullmatch(f" {{0,3}}`{{{len(opening[1])},}} *", line)]
    assert closing == [len(lines) - 1], "nothing but the end of the card closes the fence"
    assert yaml.safe_load("\n".join(lines[:-1]))["optimizer"]["init_args"]["note"] == EVIL


@pytest.mark.parametrize("metrics", [None, "{", "[]", '{"config": "dense"}', '{"config": "other"}'])
def test_what_was_not_recorded_is_left_out(metrics: str | None, run: Path, export: Any) -> None:
    (run / "metrics.json").unlink()
    if metrics is not None:
        (run / "metrics.json").write_text(metrics)
    assert export(run, "--format", "safetensors") == 0
    head, text = parts((run / "export/dense.safetensors.md").read_text())
    check_head(head)
    assert not {"hardware", "minutes"} & set(head["fmnist_pl"])
    assert "not recorded" in text


@pytest.mark.parametrize("licence", ["", "MIT License", "mit\nx: y", "a" * 60])
def test_a_licence_that_no_hub_knows(licence: str, run: Path, export: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(run, "--format", "safetensors", f"--license={licence}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--license" in line
    assert "apache-2.0" in line
    assert not (run / "export").exists()


def test_the_card_of_the_shipped_weights() -> None:
    head, text = parts(SHIPPED.with_name(f"{SHIPPED.name}.md").read_text())
    check_head(head)
    assert head["license"] == "mit"
    assert head["datasets"] == ["zalando-datasets/fashion_mnist"]
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"] == {"type": "zalando-datasets/fashion_mnist", "name": "Fashion-MNIST", "split": "test"}
    accuracy = result["metrics"][0]["value"]
    assert 0.94 < accuracy < 0.96
    assert f"| {accuracy:.4f} on 10,000 real test images, 95% interval" in text
    assert f"expected calibration error {head['fmnist_pl']['calibration_error']:.4f}" in text
    assert head["fmnist_pl"]["sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
