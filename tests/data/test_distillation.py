"""Targets of a distillation, and which teachers share the split of a student."""

from typing import Any

import pytest
import torch

from fmnist_pl.data.distillation import Distillation, split_difference


def test_the_target_is_a_mean_of_label_and_teachers() -> None:
    distillation = Distillation(weight=0.25, temperature=2.0)
    labels, logits = torch.tensor([3, 0]), [torch.randn(2, 10), torch.randn(2, 10)]
    found = distillation.targets(labels, distillation.probabilities(logits))
    for row, label in enumerate(labels.tolist()):
        for name in range(10):
            shares = [float(torch.exp(each[row, name] / 2) / torch.exp(each[row] / 2).sum()) for each in logits]
            expected = 0.75 * (name == label) + 0.25 * (shares[0] + shares[1]) / 2
            assert float(found[row, name]) == pytest.approx(expected, abs=1e-6)


REAL = {
    "source": "real", "verify": True, "synthetic_size": 100, "split_seed": 0, "num_folds": None, "val_fraction": 0.1,
    "fold": 0, "train_limit": None,
}  # fmt: skip
SYNTHETIC, FOLDS = {"source": "synthetic"}, {"num_folds": 5, "fold": 2}
SPLITS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "the same": ({}, {}, None),
    "other images": ({}, SYNTHETIC, "source"),
    "images not known yet": ({"source": "auto"}, SYNTHETIC, None),
    "files that are not official": ({}, {"verify": False}, "verify"),
    "another seed": ({}, {"split_seed": 1}, "split_seed"),
    "more validation images": ({}, {"val_fraction": 0.2}, "val_fraction"),
    "folds": ({}, FOLDS, "num_folds"),
    "no folds": (FOLDS, {}, "num_folds"),
    "another fold": (FOLDS, FOLDS | {"fold": 1}, "fold"),
    "the same fold": (FOLDS, FOLDS | {"val_fraction": 0.3}, None),
    "fewer images": ({"train_limit": 50}, {}, "train_limit"),
    "a size that is not used": ({}, {"synthetic_size": 200}, None),
    "another size": (SYNTHETIC, SYNTHETIC | {"synthetic_size": 200}, "synthetic_size"),
}


@pytest.mark.parametrize("case", SPLITS)
def test_a_teacher_of_another_split_is_found(case: str) -> None:
    student, teacher, key = SPLITS[case]
    assert split_difference(REAL | student, REAL | teacher) == key


def test_a_teacher_that_does_not_name_its_split_is_of_another() -> None:
    assert split_difference(REAL | FOLDS, {"source": "real", "verify": True, "split_seed": 0}) == "num_folds"
