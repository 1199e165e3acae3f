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
    together = [set(a.tolist()) | set(b.tolist()) for (_, a, _), (_, b, _) in zip(*two, strict=True)]
    assert one == together


def test_batches_say_which_images_they_hold() -> None:
    source = data()
    for images, labels, positions in BatchLoader(source, 20, shuffle=True):
        assert torch.equal(source.labels[positions], labels)
        torch.testing.assert_close(images, (source.images[positions].float() / 255 - 0.2860) / 0.3530)


def test_batches_are_of_equal_size() -> None:
    sizes = [len(batch) for _, batch, _ in BatchLoader(data(), 20)]
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
        return [batch.images for batch in loader]

    augment = Augment(horizontal_flip=0.5, shift=0.1, erasing=0.5)
    whole = BatchLoader(data(), 20, shuffle=True, seed=4, augment=augment)
    expected = batches(whole)
    whole.set_epoch(1)
    expected_next = batches(whole)

    stopped = BatchLoader(data(), 20, shuffle=True, seed=4, augment=augment)
    running = iter(stopped)
    for _ in range(stop_after):
        next(running)
    resumed = BatchLoader(data(), 20, shuffle=True, seed=4, augment=augment)
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
    images, labels, _ = next(iter(BatchLoader(data(), 103)))
    assert images.shape == (103, 1, 28, 28)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    expected = (data().images.float() / 255 - 0.2860) / 0.3530
    torch.testing.assert_close(images, expected)


def test_more_ranks_than_images_in_a_batch() -> None:
    with pytest.raises(UserError, match="cannot be shared by 4 processes"):
        BatchLoader(data(9), 3, world_size=4)
