"""Figures, histograms, precision-recall curves and embeddings in TensorBoard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.synthetic import draw
from fmnist_pl.training.callbacks.tensorboard import LiveFigures, augmented_samples
from tests.conftest import run_folder
from tests.reporting.conftest import Reported

LIVE = ["--live_pictures", "true"]


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0}).Reload()


def images(folder: Path) -> dict[str, list[int]]:
    """Tag of each image -> its steps."""
    accumulator = events(folder)
    return {tag: [event.step for event in accumulator.Images(tag)] for tag in accumulator.Tags()["images"]}


def test_figures_histograms_and_curves_of_the_test(reported: Reported) -> None:
    shown = images(reported.folder)
    assert shown["train/augmented"] == [0], "before the first step"
    assert shown["val/confusion_matrix"] == shown["val/mistakes"] == [9, 18, 27], "after each epoch of 9 steps"
    assert len(shown["test/confusion_matrix"]) == len(shown["test/mistakes"]) == 1
    accumulator = events(reported.folder)
    tags = set(accumulator.Tags()["histograms"])
    assert "weights/network.0.weight" in tags
    assert "gradients/network.0.weight" in tags
    assert [event.step for event in accumulator.Histograms("gradients/network.0.weight")] == [8, 17, 26]
    plugins = {tag: metadata.plugin_data.plugin_name for tag, metadata in accumulator.summary_metadata.items()}
    assert {tag for tag, plugin in plugins.items() if plugin == "pr_curves"} == {f"test/{name}" for name in CLASSES}
    for tag, name in (("test/top2", "top2"), ("Final/test_acc", "acc")):
        assert accumulator.Scalars(tag)[0].value == pytest.approx(reported.metrics["test"][name])


@pytest.mark.parametrize("augment", [Augment(brightness=0.3), Augment(crop=2, mixup=1.0)])
def test_augmented_images_are_as_bright_as_the_images(augment: Augment) -> None:
    images = draw(60, 0).train.images
    samples = augmented_samples(FashionMNISTDataModule(augment=augment), images)
    assert samples.shape == (3, 8, 28, 28)
    assert samples.mean() == pytest.approx(images[:8].float().mean().item(), rel=0.3)
    assert 100 < samples.max() <= 255.01


def test_the_projector_has_each_test_image(reported: Reported) -> None:
    folder = reported.folder / "projector"
    assert "tensor_path" in (folder / "projector_config.pbtxt").read_text()
    (vectors,) = folder.glob("*/default/tensors.tsv")
    rows = vectors.read_text().splitlines()
    labels = (vectors.parent / "metadata.tsv").read_text().splitlines()
    assert len(rows) == 100
    assert len(rows[0].split("\t")) == 128, "the input of the last layer"
    assert labels[0] == "label\tprediction\tresult"
    correct = sum(line.endswith("\tcorrect") for line in labels)
    assert correct / 100 == pytest.approx(reported.metrics["test"]["acc"])
    assert (vectors.parent / "sprite.png").exists()


def test_figures_take_a_small_fraction_of_a_training(fit: Callable[..., Any], tmp_path: Path) -> None:
    fit(*LIVE, epochs=4)
    shown = images(run_folder(tmp_path))
    assert shown == {"train/images": [0]}, "four short epochs leave no time for more"


@pytest.mark.parametrize("arguments", [["--live_pictures", "false"], [*LIVE, "--trainer.logger", "false"]])
def test_no_figures_when_turned_off(
    fit: Callable[..., Any], arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveFigures, "on_train_start", lambda *_: pytest.fail("figures"))
    fit(*arguments)
