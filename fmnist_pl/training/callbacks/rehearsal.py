"""A step before the training, to compile or capture it, that leaves no trace in the training."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fmnist_pl.models.classifier import Classifier
from fmnist_pl.training.callbacks.stopwatch import Stopwatch


class Rehearsal(Callback):
    """A callback that prepares the training step before the first one."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        """Choose where the time is recorded.

        Args:
            stopwatch: Its ``compile_seconds`` are increased.
        """
        self._stopwatch = stopwatch

    @contextmanager
    def timed(self, trainer: Trainer, what: str) -> Iterator[None]:
        """Record the time of the block and print it, as ``compiled in 12.3 s``."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self._stopwatch.compile_seconds += seconds
        if trainer.is_global_zero:
            print(f"{what} in {seconds:.1f} s", flush=True)


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).strip().partition("\n")[0]


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
