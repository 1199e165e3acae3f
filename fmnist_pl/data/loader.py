"""Batches from tensors in memory: one gather, then augmentation and normalisation of the whole batch.

A DataLoader gathers image by image, at about 300 times the cost.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.facts import CLASSES, PIXEL_MEAN, PIXEL_STD
from fmnist_pl.data.images import Batch, LabelledImages
from fmnist_pl.errors import UserError


def seed_of(*parts: int) -> int:
    """One 63-bit seed from several numbers, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "big") >> 1


def normalise(images: Tensor) -> Tensor:
    """Scale pixels 0..1 to zero mean and unit variance over the training set."""
    return (images - PIXEL_MEAN) / PIXEL_STD


class BatchLoader:
    """Yields a `Batch` at a time, on ``device``.

    Every image comes once per epoch over all ranks. Batch sizes differ by at most one and are at most ``batch_size``
    (422 batches of 128 or 127 for 54,000 images), so there is no small last batch and all ranks take the same number of
    steps. Order and augmentation depend on seed, epoch and batch alone, so a run can resume in the middle of an epoch.
    """

    steps_per_execution = 1
    """Above 1, each item is a list of this many batches (fewer at the end of an epoch), one per training step."""

    batch_sampler = None  # Lightning reads it beside `sampler`

    def __init__(
        self,
        data: LabelledImages,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        augment: Augment | None = None,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Choose data, order and devices.

        Args:
            data: The images, on the CPU or already on ``device``.
            batch_size: Images per step, over all ranks together, so that a recipe holds for any number of ranks.
            shuffle: Use a new order in each epoch, instead of the order of the data.
            seed: Of the order and of the augmentation.
            augment: Random augmentation of the images.
            device: Device of the batches.
            rank: Number of this process.
            world_size: Number of processes that share each batch.

        Raises:
            UserError: There are fewer images in a batch than ranks.
        """
        self.data, self.batch_size, self.shuffle = data, batch_size, shuffle
        self.seed, self.augment, self.device = seed, augment, torch.device(device)
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self._next_batch = 0
        self._resume_at = 0
        if len(data) // max(len(self), 1) < world_size:
            raise UserError(
                f"a batch of {batch_size} of {len(data):,} images cannot be shared by {world_size} processes: "
                "raise data.batch_size (data.eval_batch_size) or lower trainer.devices"
            )

    def __len__(self) -> int:
        """Number of batches per epoch."""
        return math.ceil(len(self.data) / self.batch_size)

    @property
    def sampler(self) -> "BatchLoader":
        """The object on which Lightning calls ``set_epoch``: the loader itself."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, hence the order, of the next pass; Lightning calls it before each epoch."""
        if epoch != self.epoch:
            self.epoch, self._next_batch, self._resume_at = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Position of the current pass."""
        return {"epoch": self.epoch, "next_batch": self._next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue at a saved position."""
        self.epoch, self._resume_at = state["epoch"], state["next_batch"]
        if self._resume_at >= len(self):
            self.epoch, self._resume_at = self.epoch + 1, 0

    def batch_indices(self) -> list[Tensor]:
        """Positions in the data of this rank's share of each batch of the epoch."""
        count = len(self.data)
        if self.shuffle:
            order = torch.randperm(count, generator=Generator().manual_seed(seed_of(self.seed, self.epoch)))
        else:
            order = torch.arange(count)
        batches = order.to(self.data.labels.device).tensor_split(len(self))
        return [batch.tensor_split(self.world_size)[self.rank] for batch in batches]

    def __iter__(self) -> Iterator[Any]:
        first, self._resume_at = self._resume_at, 0
        batches = self.batch_indices()
        while first < len(batches):
            # calls end at multiples of their length, counted over the whole run, where metrics are logged
            end = min(first + self.steps_per_execution - self._steps_before(first), len(batches))
            self._next_batch = end
            made = self._make(batches[first:end], first)
            yield made if self.steps_per_execution > 1 else made[0]
            first = end

    def _steps_before(self, number: int) -> int:
        """Number of steps of the current call before this batch of the epoch."""
        return (self.epoch * len(self) + number) % self.steps_per_execution

    def _make(self, batches: list[Tensor], first: int) -> list[Batch]:
        """Make several batches by one gather; ``first`` is the number of the first in the epoch."""
        indices, sizes = torch.cat(batches), [len(batch) for batch in batches]
        data = self.data.part(indices).to(self.device)
        pixels = data.images.float().mul_(1 / 255)
        batch = Batch(pixels, data.labels, indices.to(self.device), data.targets)
        if self.augment is None:
            return batch._replace(images=normalise(pixels)).split(sizes)
        return [self._augmented(part, self.augment, first + n) for n, part in enumerate(batch.split(sizes))]

    def _augmented(self, batch: Batch, augment: Augment, number: int) -> Batch:
        """Augment and normalise a batch of images from 0 to 1; ``number`` is its place in the epoch."""
        generator = Generator(self.device).manual_seed(seed_of(self.seed, self.epoch, number, self.rank))
        images, targets = augment(batch.images, generator), batch.targets
        if augment.mixes:
            mixture = augment.mixture(images, generator)
            images, targets = mixture.mix_images(images), mixture.mix_targets(_probabilities(batch))
        return batch._replace(images=normalise(images), targets=targets)


def _probabilities(batch: Batch) -> Tensor:
    """The targets, else the labels as probabilities of 0 and 1: float32 (B, 10)."""
    if batch.targets is not None:
        return batch.targets
    # F.one_hot checks the labels, for which the host would wait at each step
    return torch.eye(len(CLASSES), device=batch.labels.device)[batch.labels]
