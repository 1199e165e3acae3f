"""Stratified splits: proportions, disjointness, determinism, ranges."""

import pytest
import torch

from fmnist_pl.data.split import split, stratified_order
from fmnist_pl.errors import UserError

UNEVEN = torch.cat([torch.full((count,), label) for label, count in enumerate([700, 200, 90, 10])])


def test_every_slice_is_stratified() -> None:
    order = stratified_order(UNEVEN, seed=3)
    assert sorted(order.tolist()) == list(range(1000))
    for start, stop in [(0, 100), (100, 200), (500, 1000), (0, 537)]:
        counts = torch.bincount(UNEVEN[order[start:stop]], minlength=4)
        expected = torch.bincount(UNEVEN, minlength=4) * (stop - start) / 1000
        assert (counts - expected).abs().max() <= 2


def test_a_validation_part_of_balanced_classes_is_exact() -> None:
    labels = torch.arange(6000) % 10
    train, val = split(labels, seed=0)
    assert torch.bincount(labels[val]).tolist() == [60] * 10
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(6000))


def test_folds_cover_everything_once() -> None:
    folds = [split(UNEVEN, seed=1, num_folds=5, fold=fold) for fold in range(5)]
    assert sorted(torch.cat([val for _, val in folds]).tolist()) == list(range(1000))
    for train, val in folds:
        assert len(train) == 800
        assert not set(train.tolist()) & set(val.tolist())
        assert abs(int((UNEVEN[val] == 0).sum()) - 140) <= 2


def test_a_limit_is_stratified_and_leaves_the_validation_part_alone() -> None:
    labels = torch.arange(6000) % 10
    train, val = split(labels, seed=0, train_limit=500)
    assert torch.bincount(labels[train]).tolist() == [50] * 10
    assert torch.equal(val, split(labels, seed=0)[1])


def test_the_seed_decides() -> None:
    assert torch.equal(stratified_order(UNEVEN, 5), stratified_order(UNEVEN, 5))
    assert not torch.equal(stratified_order(UNEVEN, 5), stratified_order(UNEVEN, 6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_fraction": 1.0}, "data.val_fraction is 1.0"),
        ({"val_fraction": -0.1}, "data.val_fraction is -0.1"),
        ({"num_folds": 1}, "data.num_folds is 1"),
        ({"num_folds": 5, "fold": 5}, "data.fold is 5: with 5 folds, give 0 to 4"),
        ({"train_limit": 0}, "data.train_limit is 0"),
    ],
)
def test_numbers_out_of_range(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        split(UNEVEN, seed=0, **options)
