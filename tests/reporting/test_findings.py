"""What the sentences of a report say about evaluations made by hand."""

import re
from typing import Any

import numpy as np
import pytest

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.reporting import advice
from fmnist_pl.reporting.calibration import calibration_error_by_chance, fitted_temperature, with_temperature
from fmnist_pl.reporting.doubtful_labels import doubtful_labels
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.findings import Finding, findings
from fmnist_pl.reporting.report_figures import ReportInputs
from fmnist_pl.reporting.slices import KINDS, image_measures, weak_slices
from fmnist_pl.training.options import ParsedOptions

CONFIG: dict[str, Any] = {
    "model": {
        "class_path": "fmnist_pl.models.CNNClassifier",
        "init_args": {"blocks": [[32, 32], [64, 64]], "dropout": 0.0, "label_smoothing": 0.0},
    },
    "data": {"augment": {"shift": 0.0, "brightness": 0.0}},
    "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.001, "weight_decay": 0.0}},
    "trainer": {"max_epochs": 10},
}


def evaluation(count: int, accuracy: float, confidence: float | None = None, seed: int = 0) -> Evaluation:
    """Predictions with this accuracy, exactly, whose errors are random; calibrated unless a confidence is given."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    wrong = np.arange(count) < round(count * (1 - accuracy))
    random.shuffle(wrong)
    predicted = np.where(wrong, (labels + random.integers(1, 10, count)) % 10, labels)
    probabilities = np.full((count, 10), (1 - (confidence or accuracy)) / 9)
    probabilities[np.arange(count), predicted] = confidence or accuracy
    return Evaluation(labels, probabilities, list(CLASSES))


def images(count: int, seed: int = 0) -> np.ndarray:
    """Rectangles of random place, size and brightness."""
    random = np.random.default_rng(seed)
    drawn = np.zeros((count, 28, 28), np.uint8)
    for image in drawn:
        (top, left), (tall, wide) = random.integers(0, 8, 2), random.integers(8, 20, 2)
        image[top : top + tall, left : left + wide] = random.integers(60, 256)
    return drawn


def found(train: float, val: float, test: float | None = None, count: int = 5000, **more: Any) -> dict[str, Finding]:
    """The findings of a run with these accuracies, by headline."""
    tested = more.pop("evaluation", None) or evaluation(count, val if test is None else test, seed=2)
    inputs = ReportInputs(
        evaluation=tested,
        images=more.pop("images", np.full((len(tested.labels), 28, 28), 100, np.uint8)),
        config=more.pop("config", CONFIG),
        train_evaluation=evaluation(count, train, seed=0),
        val_evaluation=evaluation(count, val, seed=1),
        **more,
    )
    return {finding.headline: finding for finding in findings(inputs)}


def curve(*losses: tuple[float, float]) -> list[dict[str, float]]:
    return [{"epoch": n, "train/loss": train, "val/loss": val} for n, (train, val) in enumerate(losses)]


RISING = curve((0.8, 0.6), (0.5, 0.5), (0.2, 0.7), (0.1, 0.9))
FALLING = curve((0.8, 0.7), (0.6, 0.6), (0.5, 0.55))


def test_a_clear_overfit() -> None:
    by_headline = found(0.995, 0.90, history=RISING)
    overfit, rises = by_headline["Overfits"], by_headline["Validation loss rises"]
    assert "0.9950 on 5,000 training images" in overfit.text
    assert "9.50 points" in overfit.text
    assert "95% of the validation error" in overfit.text
    for flag in ("--data.augment.rotation", "--model.dropout", "--optimizer.weight_decay"):
        assert flag in overfit.advice
    assert "From epoch 2 to 4" in rises.text
    assert "--trainer.max_epochs 2" in rises.advice
    assert "Underfits" not in by_headline


def test_a_clear_underfit() -> None:
    by_headline = found(0.855, 0.85, history=FALLING)
    underfit = by_headline["Underfits"]
    assert underfit.is_problem
    assert "--trainer.max_epochs 20" in underfit.advice
    assert "--model.blocks" in underfit.advice
    assert "--model.dropout" not in underfit.advice, "it has none to lower"
    assert "still falling" in by_headline["Validation loss does not rise"].text
    assert "Overfits" not in by_headline


def test_training_metrics_with_augmentation_do_not_hide_an_overfit() -> None:
    history = [epoch | {"train/acc": 0.85, "val/acc": 0.9} for epoch in FALLING]
    assert "Overfits" in found(0.99, 0.90, history=history), "the training images are evaluated without augmentation"


@pytest.mark.parametrize(
    ("train", "val", "count", "headline"),
    [
        (0.96, 0.94, 5000, "Fits"),
        (0.995, 0.99, 5000, "Fits"),
        (0.15, 0.14, 5000, "Has not learned"),
        (0.95, 0.90, 40, "Fit undecided"),
    ],
)
def test_the_cases_between(train: float, val: float, count: int, headline: str) -> None:
    assert headline in found(train, val, count=count)


def test_noise_is_no_finding() -> None:
    problems = []
    for seed in range(5):
        tested, looks = evaluation(2000, 0.94, seed=seed), images(2000, seed)
        by_headline = found(0.965, 0.94, evaluation=tested, images=looks)
        problems += [headline for headline, finding in by_headline.items() if finding.is_problem]
        assert "Errors are spread" in by_headline
        assert "Validation and test agree" in by_headline
        assert "Confidence is right" in by_headline
        assert "Doubtful labels" not in by_headline
    assert problems == []


def test_validation_better_than_test() -> None:
    finding = found(0.97, 0.95, 0.92)["Validation is better than test"]
    assert "3.00 points" in finding.text
    assert "6.1 standard errors" in finding.text
    assert "--data.num_folds" in finding.advice
    assert "Test is better than validation" in found(0.97, 0.92, 0.95)


def test_too_much_and_too_little_confidence() -> None:
    tested, val = (evaluation(5000, 0.9, confidence=0.99, seed=seed) for seed in (2, 3))
    inputs = ReportInputs(tested, images(5000), config=CONFIG, val_evaluation=val)
    by_headline = {finding.headline: finding for finding in findings(inputs)}
    over = by_headline["Over-confident"]
    assert "9.00 points" in over.text
    assert "--model.label_smoothing 0.1" in over.advice
    assert "divide the logits by" in over.advice
    smoothed = CONFIG | {"model": {"init_args": {"label_smoothing": 0.1}}}
    under = found(0.93, 0.9, config=smoothed, evaluation=evaluation(5000, 0.9, confidence=0.8))["Under-confident"]
    assert "Lower label smoothing (`--model.label_smoothing 0.05`; now 0.1)" in under.advice
    assert "divide" not in under.advice, "the validation images do not ask for it"


def test_the_pairs_that_make_up_the_errors() -> None:
    tested = evaluation(5000, 0.98)
    shirts = np.flatnonzero((tested.labels == 6) & tested.correct)[:150]
    tested.probabilities[shirts] = tested.probabilities[shirts][:, [6, 1, 2, 3, 4, 5, 0, 7, 8, 9]]
    again = Evaluation(tested.labels, tested.probabilities, tested.class_names)
    finding = found(0.97, 0.95, evaluation=again)["Errors are between few classes"]
    assert "1 of 45 pairs" in finding.text
    assert "T-shirt/top / Shirt (15" in finding.text


def test_a_weak_slice() -> None:
    tested, looks = evaluation(4000, 0.95), images(4000)
    looks[looks > 0] = 200
    dark = np.arange(4000) % 4000 < 300
    looks[dark] = looks[dark] // 4
    fail = np.flatnonzero(dark & tested.correct)[:60]
    tested.probabilities[fail] = np.roll(tested.probabilities[fail], 1, axis=1)
    tested = Evaluation(tested.labels, tested.probabilities, tested.class_names)
    finding = found(0.97, 0.95, evaluation=tested, images=looks)["Weak on dark images"]
    assert "On 300 dark images" in finding.text
    assert "--data.augment.brightness 0.3" in finding.advice
    stronger = CONFIG | {"data": {"augment": {"brightness": 0.3}}}
    finding = found(0.97, 0.95, evaluation=tested, images=looks, config=stronger)["Weak on dark images"]
    assert "--data.augment.brightness 0.6`; now 0.3" in finding.advice


def test_a_slice_of_hard_classes_is_not_weak() -> None:
    tested, looks = evaluation(4000, 0.99), images(4000)
    looks[looks > 0] = 200
    looks[(tested.labels == 6) & (np.arange(4000) % 3 > 0)] //= 4  # most shirts are dark
    fail = np.flatnonzero(tested.labels == 6)[::2]
    tested.probabilities[fail] = np.roll(tested.probabilities[fail], 1, axis=1)
    tested = Evaluation(tested.labels, tested.probabilities, tested.class_names)
    assert [weak.kind.name for weak in weak_slices(tested, looks)] == [], "dark shirts are as hard as other shirts"


def test_the_numbers_of_an_image() -> None:
    drawn = np.zeros((3, 28, 28), np.uint8)
    drawn[0, 4:24, 12:16] = 255  # 20 by 4, in the middle
    drawn[1, 0:4, 0:4] = 51
    measures = image_measures(drawn)
    np.testing.assert_allclose(measures["brightness"], [1, 0.2, 0])
    np.testing.assert_allclose(measures["area"], [80 / 784, 16 / 784, 0])
    np.testing.assert_allclose(measures["distance"], [0, 12 * np.sqrt(2), 0])
    np.testing.assert_allclose(measures["thickness"], [4, 4, 0])


def test_planted_wrong_labels_are_found() -> None:
    sure = evaluation(3000, 1.0, confidence=0.98)
    labels = sure.labels.copy()
    labels[[7, 70, 700]] = (labels[[7, 70, 700]] + 1) % 10
    planted = Evaluation(labels, sure.probabilities, sure.class_names)
    assert sorted(doubtful_labels(planted).positions) == [7, 70, 700]
    finding = found(0.99, 0.97, evaluation=planted)["Doubtful labels"]
    assert sorted(finding.numbers["positions"]) == [7, 70, 700]
    assert "700" in finding.text
    assert doubtful_labels(evaluation(3000, 0.8, confidence=0.98)).positions == [], "the classifier itself is wrong"


def test_no_validation_images() -> None:
    inputs = ReportInputs(evaluation(1000, 0.9), images(1000), config=CONFIG, train_evaluation=evaluation(1000, 0.99))
    by_headline = {finding.headline: finding for finding in findings(inputs)}
    assert "test images" in by_headline["Overfits"].text
    assert "--data.val_fraction" in by_headline["No validation"].advice


def test_the_temperature_undoes_a_change_of_confidence() -> None:
    random = np.random.default_rng(0)
    calibrated = random.dirichlet(np.full(10, 0.1), 5000)
    labels = np.array([random.choice(10, p=row) for row in calibrated])
    true = Evaluation(labels, calibrated, list(CLASSES))
    sharper = with_temperature(true, 0.5)
    assert fitted_temperature(true) == pytest.approx(1, abs=0.06)
    assert fitted_temperature(sharper) == pytest.approx(2, rel=0.06)
    np.testing.assert_allclose(with_temperature(sharper, 2.0).probabilities, calibrated, atol=1e-9)
    assert true.calibration_error <= calibration_error_by_chance(true.confidences)
    assert sharper.calibration_error > 3 * calibration_error_by_chance(sharper.confidences)


def test_the_flags_of_the_advice_are_flags_of_fit() -> None:
    config = ParsedOptions("fit", ["--config", "cnn.yaml"]).plain_config
    tips = [advice.longer(config), advice.regularize(config), advice.learning_rate(config)]
    tips += [advice.smooth_labels(config, more=True), advice.smooth_labels(config, more=False)]
    tips += [advice.augment_for(kind.name, config) for kind in KINDS]
    flags = [part.split() for tip in tips for part in re.findall(r"`(--[^`]*)`", tip)]
    assert len(flags) >= 10
    for typed in flags:
        ParsedOptions("fit", ["--config", "cnn.yaml", *typed])


def test_advice_for_a_network_of_your_own() -> None:
    config = {"model": {"init_args": {"network": {"class_path": "mine.Net", "init_args": {"dropout": 0.2}}}}}
    assert "--model.network.dropout` (now 0.2)" in advice.regularize_less(config)
    assert advice.larger(config) == "use a larger network"
    assert "--trainer.max_epochs" in advice.longer(config)
