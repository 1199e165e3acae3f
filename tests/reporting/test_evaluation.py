"""Metrics of an evaluation, compared with scikit-learn, scipy and values by hand."""

import csv
import io
import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from fmnist_pl.reporting.evaluation import Evaluation, hardest_pairs
from fmnist_pl.reporting.tables import classification_report, write_classification_csv

CASES = {
    "ten classes": (10, range(10), 400),
    "two classes": (2, range(2), 60),
    "more than have names": (14, range(14), 400),
    "labels of three of five classes": (5, [0, 2, 3], 100),
    "one image": (4, [1], 1),
}


@pytest.fixture(params=CASES)
def evaluation(request: pytest.FixtureRequest) -> Evaluation:
    classes, labels, count = CASES[request.param]
    random = np.random.default_rng(7)
    probabilities = random.dirichlet(np.full(classes, 0.4), count)
    if "three" in request.param:
        probabilities[:, 4] = 0  # a class with no images and no predictions
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Evaluation(random.choice(list(labels), count), probabilities, [f"class {label}" for label in range(classes)])


def sklearn_report(evaluation: Evaluation, **options: object) -> object:
    names = evaluation.class_names
    return metrics.classification_report(
        evaluation.labels, evaluation.predictions, labels=range(len(names)), target_names=names, zero_division=0,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize("digits", [2, 4])
def test_the_report_is_scikit_learns_letter_by_letter(evaluation: Evaluation, digits: int) -> None:
    assert classification_report(evaluation, digits) == sklearn_report(evaluation, digits=digits)


def test_the_csv_holds_scikit_learns_figures(evaluation: Evaluation) -> None:
    file = io.StringIO()
    write_classification_csv(file, evaluation)
    rows = {row.pop(""): row for row in csv.DictReader(io.StringIO(file.getvalue()))}
    expected = sklearn_report(evaluation, output_dict=True)
    assert isinstance(expected, dict)
    assert list(rows) == list(expected)
    assert float(rows["accuracy"]["f1-score"]) == pytest.approx(expected.pop("accuracy"))
    for name, figures in expected.items():
        assert {key: float(rows[name][key]) for key in figures} == pytest.approx(figures), name


def test_the_other_numbers(evaluation: Evaluation) -> None:
    labels, classes = evaluation.labels, range(len(evaluation.class_names))
    numbers = evaluation.as_dict()
    np.testing.assert_array_equal(
        evaluation.confusion, metrics.confusion_matrix(labels, evaluation.predictions, labels=list(classes))
    )
    clipped = evaluation.probabilities.clip(1e-12)
    assert numbers["loss"] == pytest.approx(metrics.log_loss(labels, clipped, labels=list(classes)), rel=1e-4)
    if len(classes) > 2:
        two = metrics.top_k_accuracy_score(labels, evaluation.probabilities, k=2, labels=list(classes))
        assert numbers["top2"] == pytest.approx(two, abs=1e-6)
    else:
        assert numbers["top2"] == 1
    count = len(labels)
    interval = binomtest(round(numbers["acc"] * count), count).proportion_ci(method="wilson")
    assert (numbers["acc_low"], numbers["acc_high"]) == pytest.approx((interval.low, interval.high), abs=1e-5)
    assert json.loads(json.dumps(numbers)) == numbers, "plain data"


def test_the_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.3, 0.7]])
    evaluation = Evaluation(np.array([0, 1, 1, 1]), probabilities, ["a", "b"])
    # one bin is right in 1 of 2 at 0.9, another in 2 of 2 at 0.7
    assert evaluation.calibration_error == pytest.approx((0.4 + 0.3) / 2)


def test_the_most_confident_mistake_comes_first() -> None:
    probabilities = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1], [0.7, 0.3]])
    evaluation = Evaluation(np.array([1, 1, 1, 0]), probabilities, ["a", "b"])
    assert evaluation.mistakes.tolist() == [2, 0]
    assert evaluation.caption(2) == "a 90%\n(true: b)"


def test_the_hardest_pairs_count_both_ways() -> None:
    confusion = np.array([[5, 2, 0], [2, 5, 3], [0, 0, 5]])
    assert hardest_pairs(confusion, 5) == [(0, 1), (1, 2)]
    assert hardest_pairs(confusion, 1) == [(0, 1)]
    assert hardest_pairs(np.eye(3, dtype=int), 5) == []
