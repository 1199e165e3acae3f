"""Stratified, seeded splits of the training images: validation set, k folds, smaller training sets."""

import torch
from torch import Tensor

from fmnist_pl.errors import UserError


def stratified_order(labels: Tensor, seed: int) -> Tensor:
    """A random order of which every slice holds each class in its overall proportion (within two images).

    Validation sets, folds and smaller training sets are slices of this one order.

    Args:
        labels: int64 (N,).
        seed: The same seed gives the same order.

    Returns:
        A permutation of 0..N-1, int64 (N,).
    """
    generator = torch.Generator().manual_seed(seed)
    place = torch.empty(len(labels), dtype=torch.float64)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        shuffled = members[torch.randperm(len(members), generator=generator)]
        place[shuffled] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return place.argsort(stable=True)


def split(
    labels: Tensor,
    seed: int,
    val_fraction: float = 0.1,
    num_folds: int | None = None,
    fold: int = 0,
    train_limit: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Split the training images into a training and a validation set.

    Args:
        labels: int64 (N,).
        seed: Of the random order.
        val_fraction: Fraction of the images for validation, 0 to below 1; not used with folds.
        num_folds: Number of equal folds, of which one is the validation set.
        fold: The fold used for validation, from 0.
        train_limit: Number of training images to keep, stratified.

    Returns:
        Positions of the training (M,) and the validation images (N - M,), disjoint.

    Raises:
        UserError: A number is out of its range.
    """
    _check(len(labels), val_fraction, num_folds, fold, train_limit)
    order = stratified_order(labels, seed)
    if num_folds is None:
        cut = round(len(order) * val_fraction)
        validation, training = order[:cut], order[cut:]
    else:
        folds = list(order.tensor_split(num_folds))
        validation = folds.pop(fold)
        training = torch.cat(folds)
    return training[:train_limit], validation


def _check(size: int, val_fraction: float, num_folds: int | None, fold: int, train_limit: int | None) -> None:
    if not 0 <= val_fraction < 1:
        raise UserError(f"data.val_fraction is {val_fraction}: give 0 (no validation) to below 1")
    if num_folds is None and val_fraction > 0 and round(size * val_fraction) == 0:
        raise UserError(f"data.val_fraction {val_fraction} of {size:,} images is none: give a larger fraction, or 0")
    if num_folds is None and round(size * val_fraction) == size:
        raise UserError(f"data.val_fraction: {val_fraction} of {size:,} images leaves none to train on; give less")
    if num_folds is not None and not 2 <= num_folds <= size:
        raise UserError(f"data.num_folds is {num_folds}: give 2 to {size:,} folds, or null for none")
    if num_folds is not None and not 0 <= fold < num_folds:
        raise UserError(f"data.fold is {fold}: with {num_folds} folds, give 0 to {num_folds - 1}")
    if train_limit is not None and train_limit < 1:
        raise UserError(f"data.train_limit is {train_limit}: give at least 1, or null for all images")
