"""Batches: every image once, the same order from the same seed, shared among ranks, resumable."""

import pytest
import torch

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.errors import UserError


def data(size: int = 103) -> LabelledImages:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (size, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return LabelledImages(images, torch.arange(size))


def classed(size: int = 103) -> LabelledImages:
    """The same images in ten classes."""
    return LabelledImages(data(size).images, torch.arange(size) % 10)


def seen(loader: BatchLoader) -> list[int]:
    return [int(label) for batch in loader for label in batch.labels]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_every_image_once_over_all_ranks(world_size: int) -> None:
    loaders = [BatchLoader(data(), 20, shuffle=True, rank=rank, world_size=world_size) for rank in range(world_size)]
    for epoch in range(2):
        for loader in loaders:
            loader.set_epoch(epoch)
        parts = [seen(loader) for loader in loaders]
        assert sorted(label for part in parts for label in part) == list(range(103))
        assert len({len(list(loader)) for loader in loaders}) == 1, "all ranks take the same number of steps"


def test_ranks_share_each_batch_of_one_process() -> None:
    one = [set(batch.labels.tolist()) for batch in BatchLoader(data(), 20, shuffle=True)]
    two = [BatchLoader(data(), 20, shuffle=True, rank=rank, world_size=2) for rank in range(2)]
    together = [set(a.labels.tolist()) | set(b.labels.tolist()) for a, b in zip(*two, strict=True)]
    assert one == together


def test_batches_say_which_images_they_hold() -> None:
    source = data()
    for images, labels, positions, targets in BatchLoader(source, 20, shuffle=True):
        assert torch.equal(source.labels[positions], labels)
        torch.testing.assert_close(images, (source.images[positions].float() / 255 - 0.2860) / 0.3530)
        assert targets is None


def test_batches_are_of_equal_size() -> None:
    sizes = [len(batch.labels) for batch in BatchLoader(data(), 20)]
    assert sum(sizes) == 103
    assert max(sizes) <= 20
    assert max(sizes) - min(sizes) <= 1


def test_the_order_comes_from_seed_and_epoch_alone() -> None:
    loader = BatchLoader(data(), 20, shuffle=True, seed=1)
    first = seen(loader)
    assert first != list(range(103))
    assert seen(loader) == first, "going through again changes nothing"
    loader.set_epoch(1)
    second = seen(loader)
    assert second != first
    other = BatchLoader(data(), 20, shuffle=True, seed=1)
    other.set_epoch(1)
    assert seen(other) == second
    assert seen(BatchLoader(data(), 20, shuffle=True, seed=2)) != first


def test_unshuffled_is_in_order() -> None:
    assert seen(BatchLoader(data(), 20)) == list(range(103))


@pytest.mark.parametrize("stop_after", [1, 3, 6])
def test_going_on_from_a_saved_state(stop_after: int) -> None:
    def batches(loader: BatchLoader) -> list[torch.Tensor]:
        return [torch.cat([batch.images.flatten(1), batch.goal], dim=1) for batch in loader]

    augment = Augment(horizontal_flip=0.5, shift=0.1, erasing=0.5, crop=2, cutmix=0.5, mixup=0.5)
    whole = BatchLoader(classed(), 20, shuffle=True, seed=4, augment=augment)
    expected = batches(whole)
    whole.set_epoch(1)
    expected_next = batches(whole)

    stopped = BatchLoader(classed(), 20, shuffle=True, seed=4, augment=augment)
    running = iter(stopped)
    for _ in range(stop_after):
        next(running)
    resumed = BatchLoader(classed(), 20, shuffle=True, seed=4, augment=augment)
    resumed.load_state_dict(stopped.state_dict())
    if stop_after < len(resumed):
        rest = batches(resumed)
        assert all(torch.equal(a, b) for a, b in zip(rest, expected[stop_after:], strict=True))
        resumed.set_epoch(1)
    assert all(torch.equal(a, b) for a, b in zip(batches(resumed), expected_next, strict=True))


def test_an_abandoned_pass_does_not_shorten_the_next() -> None:
    loader = BatchLoader(data(), 20)
    next(iter(loader))
    assert seen(loader) == list(range(103))


def test_images_are_normalised_floats() -> None:
    images, labels, *_ = next(iter(BatchLoader(data(), 103)))
    assert images.shape == (103, 1, 28, 28)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    expected = (data().images.float() / 255 - 0.2860) / 0.3530
    torch.testing.assert_close(images, expected)


@pytest.mark.parametrize("given", [False, True])
def test_targets_are_mixed_as_the_images_are(given: bool) -> None:
    is_white = torch.arange(100) // 50
    images = (is_white * 255).to(torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 28, 28)
    source = LabelledImages(images, is_white, torch.eye(10)[is_white + 2] if given else None)
    for rank in range(2):
        for batch in BatchLoader(source, 40, shuffle=True, augment=Augment(cutmix=1.0), rank=rank, world_size=2):
            white = (batch.images * 0.3530 + 0.2860).mean((1, 2, 3))
            expected = torch.zeros(len(white), 10)
            expected[:, 3 if given else 1], expected[:, 2 if given else 0] = white, 1 - white
            torch.testing.assert_close(batch.goal, expected)
            assert torch.equal(source.labels[batch.positions], batch.labels), "the label is that of the position"


def test_without_mixing_targets_are_those_given() -> None:
    source = LabelledImages(data().images, torch.arange(103), torch.rand(103, 10))
    for augment in (None, Augment(horizontal_flip=0.5)):
        for batch in BatchLoader(source, 20, shuffle=True, augment=augment):
            assert torch.equal(batch.goal, source.targets[batch.positions])


def test_more_ranks_than_images_in_a_batch() -> None:
    with pytest.raises(UserError, match="cannot be shared by 4 processes"):
        BatchLoader(data(9), 3, world_size=4)
