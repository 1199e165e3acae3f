"""Files that a test writes into report/."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.synthetic import draw
from fmnist_pl.training import train
from tests.conftest import run_folder
from tests.reporting.conftest import Reported
from tests.reporting.html_page import Page
from tests.reporting.report_files import FIGURES, TABLES, files_in, predictions


def test_everything_is_there(reported: Reported) -> None:
    assert {"confusion_matrix", "mistakes", "learning_curves", "augmented_samples", "feature_maps"} < FIGURES
    assert files_in(reported.folder / "report") == {f"{name}.png" for name in FIGURES} | TABLES
    for name in FIGURES:
        assert (reported.folder / f"report/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_json_holds_the_test_metrics(reported: Reported) -> None:
    metrics = json.loads((reported.folder / "metrics.json").read_text())
    assert metrics == reported.metrics
    test = metrics["test"]
    assert test["acc_low"] < test["acc"] < test["acc_high"]
    assert test["images"] == 100
    assert list(test["classes"]) == list(CLASSES)
    assert 0 <= test["ece"] <= 1
    assert test["acc"] <= test["top2"] <= 1
    for name in ("macro", "weighted"):
        assert {"precision", "recall", "f1"} <= set(test[name])


def test_the_predictions_are_of_the_test_set_in_order(reported: Reported) -> None:
    rows = predictions(reported.folder)
    labels = draw(600, 0).test.labels
    assert [row["label"] for row in rows] == [CLASSES[label] for label in labels]
    assert [int(row["index"]) for row in rows] == list(range(100))
    probabilities = np.array([[float(row[f"p({name})"]) for name in CLASSES] for row in rows])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert [row["prediction"] for row in rows] == [CLASSES[best] for best in probabilities.argmax(axis=1)]
    right = np.mean([row["prediction"] == row["label"] for row in rows])
    assert right == pytest.approx(reported.metrics["test"]["acc"])
    loss = -np.log(probabilities[range(100), labels]).mean()
    assert loss == pytest.approx(reported.metrics["test"]["loss"], abs=1e-3)


def test_the_page_shows_the_results(reported: Reported) -> None:
    page = Page(reported.folder / "report/report.html")
    page.check_self_contained()
    test = reported.metrics["test"]
    assert page.title == "cnn: report of a run on synthetic images"
    assert "Synthetic images." in page.text
    assert f"{100 * test['acc']:.2f}%" in page.text
    assert {name.replace("_", " ") for name in FIGURES} <= set(page.images)
    classes = {row[0]: row[1:] for row in page.rows if row[0] in CLASSES}
    assert classes == {
        name: [f"{scores[key]:.4f}" for key in ("precision", "recall", "f1")] + [str(scores["support"])]
        for name, scores in test["classes"].items()
    }
    assert "label_smoothing: 0.1" in page.text, "the config"
    assert "Conv2d" in page.text, "the model summary"
    assert torch.__version__ in page.text, "the environment"


def test_the_page_says_what_the_numbers_mean(reported: Reported) -> None:
    found = json.loads((reported.folder / "report/findings.json").read_text())
    page = Page(reported.folder / "report/report.html")
    assert "All sentences are about synthetic images" in page.text
    text = page.text.split("What to try next", 1)[1]
    for finding in found:
        assert f"{finding['headline']}. {finding['text'].replace('`', '')}" in text
        assert finding["advice"].replace("`", "") in text
    assert text.index(found[0]["text"]) < text.index("precision"), "above the tables"
    by_headline = {finding["headline"]: finding for finding in found}
    fit = next(finding for finding in found if "train_acc" in finding["numbers"])
    assert fit["numbers"]["validation_acc"] == pytest.approx(reported.metrics["val"]["acc"], abs=1e-6)
    assert "on 60 training images" in fit["text"], "as many as validation images"
    assert "60 validation images" in by_headline["What a change must gain"]["text"]


def test_the_hardest_pairs_have_examples(reported: Reported) -> None:
    page = Page(reported.folder / "report/report.html")
    wrong = [row for row in predictions(reported.folder) if row["prediction"] != row["label"]]
    pairs = [frozenset((row["prediction"], row["label"])) for row in wrong]
    most = max(pairs.count(pair) for pair in pairs)
    head = next(place for place, row in enumerate(page.rows) if row[0] == "pair")
    first, second = page.rows[head + 1][0].split(" / ")
    assert page.rows[head + 1][1] == str(most) == str(pairs.count(frozenset((first, second))))
    assert sum("(true: " in alt for alt in page.images) >= min(most, 8)


def test_a_test_of_the_checkpoint_reports_the_same(
    reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reported.folder / "checkpoints")
    again = train(["test", "--ckpt_path", "best.ckpt", "--trainer.default_root_dir", str(tmp_path)])
    assert again["test"] == reported.metrics["test"]
    folder = run_folder(tmp_path, "cnn")
    assert files_in(folder / "report") == files_in(reported.folder / "report"), "with the curves of the whole run"
    for name in ("predictions.csv", "classification_report.txt", "learning_curves.png", "confusion_matrix.png"):
        assert (folder / "report" / name).read_bytes() == (reported.folder / "report" / name).read_bytes(), name


def test_the_history_is_kept_for_each_epoch(reported: Reported) -> None:
    history = json.loads((reported.folder / "history.json").read_text())
    assert [epoch["epoch"] for epoch in history] == [0, 1, 2]
    assert all(set(epoch) == {"epoch", "train/loss", "train/acc", "val/loss", "val/acc"} for epoch in history)
    best = max(epoch["val/acc"] for epoch in history)
    assert reported.metrics["val"]["acc"] == pytest.approx(best, abs=1e-6)
