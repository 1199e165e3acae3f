"""Augmentation: each image its own draw, each change what it says, off means untouched."""

import pytest
import torch
import torch.nn.functional as F

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.errors import UserError

EACH = {
    "horizontal_flip": 0.5, "shift": 0.2, "rotation": 20.0, "shear": 15.0,
    "zoom": 0.2, "brightness": 0.3, "erasing": 0.7, "crop": 3,
}  # fmt: skip


def square(count: int = 64) -> torch.Tensor:
    """A white square, a little off the middle, so that every change shows."""
    images = torch.zeros(count, 1, 28, 28)
    images[:, :, 6:16, 4:18] = 1.0
    return images


def changed(augment: Augment, images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augment(images, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", EACH)
def test_each_alone_changes_images_differently_and_reproducibly(name: str) -> None:
    augment, images = Augment(**{name: EACH[name]}), square()
    result = changed(augment, images)
    assert result.shape == images.shape
    assert len({image.numpy().tobytes() for image in result}) > 1, "each image has its own draw"
    assert torch.equal(result, changed(augment, images))
    assert not torch.equal(result, changed(augment, images, seed=1))
    assert torch.equal(images, square()), "the given images are left alone"
    assert 0 <= result.min() <= result.max() <= 1 + 1e-6


def test_all_together() -> None:
    assert changed(Augment(**EACH), square()).isfinite().all()


def test_off_is_untouched() -> None:
    assert torch.equal(changed(Augment(), square()), square())


def test_a_certain_flip_is_a_mirror() -> None:
    assert torch.equal(changed(Augment(horizontal_flip=1.0), square()), square().flip(3))


def test_a_shift_moves_the_centre_by_no_more_than_it_says() -> None:
    result = changed(Augment(shift=0.1), square(500))
    rows = torch.arange(28.0)
    centre = (result.sum((1, 3)) * rows).sum(1) / result.sum((1, 2, 3))
    moved = centre - 10.5
    assert moved.abs().max() <= 2.8 + 0.01
    assert moved.max() > 2
    assert moved.min() < -2


def test_a_zoom_changes_the_area_by_no_more_than_it_says() -> None:
    area = changed(Augment(zoom=0.2), square(500)).sum((1, 2, 3)) / 140
    assert 0.8**2 - 0.03 <= area.min() < 0.75
    assert 1.35 < area.max() <= 1.2**2 + 0.03


def test_a_rotation_keeps_the_area() -> None:
    area = changed(Augment(rotation=15), square(500)).sum((1, 2, 3)) / 140
    torch.testing.assert_close(area, torch.ones(500), atol=0.02, rtol=0)


def test_erasing_blackens_the_part_that_it_says() -> None:
    white = torch.ones(2000, 1, 28, 28)
    erased = 1 - changed(Augment(erasing=0.5), white).mean((1, 2, 3))
    touched = erased[erased > 0]
    assert 0.45 < len(touched) / 2000 < 0.55
    assert touched.min() > 0.01
    assert touched.max() < 0.38


def test_a_crop_is_a_slice_of_the_image_with_a_border() -> None:
    images = torch.rand(500, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    padded, cropped = F.pad(images, (2, 2, 2, 2)), changed(Augment(crop=2), images)
    places = {
        (top, left): (cropped == padded[:, :, top : top + 28, left : left + 28]).all(3).all(2)[:, 0]
        for top in range(5)
        for left in range(5)
    }
    assert torch.stack(list(places.values())).sum(0).eq(1).all(), "each is one of the slices"
    assert all(found.any() for found in places.values()), "all shifts are drawn"


def mixed(augment: Augment, count: int = 2000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mix images of one grey: pixels (N, 784), targets (N, N) with a class for each image, and the greys (N,)."""
    greys = torch.arange(count) / count
    mixture = augment.mixture(torch.zeros(count, 1, 28, 28), torch.Generator().manual_seed(0))
    images = mixture.mix_images(greys.view(-1, 1, 1, 1).expand(-1, 1, 28, 28))
    return images.flatten(1), mixture.mix_targets(torch.eye(count)), greys


def test_cutmix_replaces_a_rectangle_and_its_share_of_the_target() -> None:
    pixels, targets, greys = mixed(Augment(cutmix=0.5))
    replaced = pixels != greys[:, None]
    shares = replaced.float().mean(1)
    own, (other, partners) = targets.diagonal(), (targets - targets.diagonal().diag()).max(1)
    torch.testing.assert_close(own, 1 - shares)
    torch.testing.assert_close(other, shares)
    assert torch.equal(pixels, torch.where(replaced, greys[partners][:, None], greys[:, None]))
    rows, columns = (replaced.view(-1, 28, 28).any(side).sum(1) for side in (2, 1))
    assert torch.equal(rows * columns, replaced.sum(1)), "a rectangle"
    assert 0.43 < (shares > 0).float().mean() < 0.52, "half of the images, and some rectangles are smaller than a pixel"
    assert shares.max() > 0.9


def test_mixup_blends_images_and_targets_in_uniform_shares() -> None:
    pixels, targets, greys = mixed(Augment(mixup=1.0))
    torch.testing.assert_close(pixels, (targets @ greys)[:, None].expand_as(pixels))
    torch.testing.assert_close(targets.sum(1), torch.ones(len(targets)))
    shares = targets.diagonal().sort().values
    torch.testing.assert_close(shares, torch.linspace(0, 1, len(shares)), atol=0.05, rtol=0)


def test_an_image_gets_cutmix_or_mixup() -> None:
    pixels, targets, greys = mixed(Augment(cutmix=0.3, mixup=0.7))
    is_blended = (pixels.std(1) < 1e-6) & (pixels[:, 0] != greys)
    is_cut = (pixels == greys[:, None]).any(1) & (pixels != greys[:, None]).any(1)
    assert 0.65 < is_blended.float().mean() < 0.75
    assert 0.25 < is_cut.float().mean() < 0.32
    assert (is_blended | is_cut).float().mean() > 0.97
    torch.testing.assert_close(pixels.mean(1), targets @ greys)


@pytest.mark.parametrize(("name", "value"), [("horizontal_flip", 1.5), ("rotation", -1), ("zoom", 0.95), ("crop", 28)])
def test_values_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"data.augment.{name}: got {value}"):
        FashionMNISTDataModule(augment=Augment(**{name: value}))
