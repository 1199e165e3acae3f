"""A step before the training, to compile or capture it, that leaves no trace in the training."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning import Trainer
from torch import Tensor

from fmnist_pl.models.classifier import Classifier


def typical_batch(trainer: Trainer) -> tuple[Tensor, Tensor, set[int]]:
    """Images (B, 1, 28, 28) and goal of a batch of the most frequent size, and all sizes of the epoch's batches.

    They are copies, on the training device.
    """
    loader = trainer.datamodule.train_dataloader()
    sizes = Counter(len(indices) for indices in loader.batch_indices())
    (size, _), *_ = sizes.most_common(1)
    batch = trainer.precision_plugin.convert_input(next(iter(loader)))
    batch = batch[0] if isinstance(batch, list) else batch  # the first batch is one of the largest
    return batch.images[:size].clone(), batch.goal[:size].clone(), set(sizes)


@contextmanager
def unchanged(trainer: Trainer, model: Classifier) -> Iterator[None]:
    """Restore the statistics of batch norm and the states of random generators at the end of the block."""
    buffers = [(buffer, buffer.clone()) for buffer in model.network.buffers()]
    device = trainer.strategy.root_device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield
    for buffer, before in buffers:
        buffer.copy_(before)
