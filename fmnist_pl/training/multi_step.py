"""Several optimizer steps in one call of the training step: what Keras calls steps_per_execution.

Lightning's loop costs about 0.5 ms per step, more than the step of a small network. Within a call the steps follow each
other directly. What they compute, and what Lightning counts, is the same as with one step per call.
"""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor
from torch.optim import Optimizer

from fmnist_pl.data.images import Batch
from fmnist_pl.models import Classifier
from fmnist_pl.training.callbacks.step_seeds import StepSeeds


def loop_state(trainer: Trainer) -> dict[str, Any]:
    """State of the training loop, as a checkpoint holds it."""
    state: dict[str, Any] = trainer.fit_loop.state_dict()
    return state


class LoopCounters:
    """Lightning's own counts of batches and optimizer steps, which a call of several steps must advance itself.

    The only place that uses attributes of Lightning's loops, as of Lightning 2.6.

    Raises:
        AttributeError: This version of Lightning names them differently.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._fit_loop = trainer.fit_loop
        self._epoch_loop = trainer.fit_loop.epoch_loop
        self._batches = self._epoch_loop.batch_progress
        self._steps = (
            self._epoch_loop.automatic_optimization.optim_progress.optimizer.step.total,
            self._epoch_loop.manual_optimization.optim_step_progress.total,
        )
        _ = (self._fit_loop._data_fetcher, self._epoch_loop._batches_that_stepped, self._epoch_loop.batch_idx)

    @property
    def batch_idx(self) -> int:
        """Position of the current batch in the epoch."""
        return int(self._epoch_loop.batch_idx)

    @property
    def is_last_batch(self) -> bool:
        """Whether the batches counted so far are all of the epoch."""
        return bool(self._batches.is_last_batch)

    def join_steps(self) -> None:
        """Give both counts of optimizer steps the larger value: a resumed run may have used one step per call."""
        for progress in self._steps:
            progress.ready = progress.completed = max(each.completed for each in self._steps)

    def add_batches(self, count: int) -> None:
        """Count batches beyond the one that Lightning counts for each call."""
        fetcher = self._fit_loop._data_fetcher
        fetcher.fetched += count
        fetcher.done = fetcher.fetched >= fetcher.length
        self._batches.increment_by(count, is_last_batch=fetcher.done)
        self._epoch_loop._batches_that_stepped += count

    def add_step(self) -> None:
        """Count one optimizer step."""
        for progress in self._steps:
            progress.increment_by(1)


class MultiStep(Callback):
    """Replaces Lightning's training step by one that trains on several batches; the loader returns them together."""

    def __init__(self, steps_per_execution: int) -> None:
        self.steps = steps_per_execution

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        # after Lightning's check, which refuses its gradient clipping beside manual optimization
        pl_module.automatic_optimization = False
        pl_module.multi_step = Steps(trainer, pl_module)
        # metrics are logged at the end of a call, hence at multiples of its length
        trainer.log_every_n_steps = -(-trainer.log_every_n_steps // self.steps) * self.steps

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        pl_module.automatic_optimization, pl_module.multi_step = True, None


class Steps:
    """The steps of one training: forward, backward, clipping, optimizer, schedule, averages, metrics."""

    def __init__(self, trainer: Trainer, model: Classifier) -> None:
        self._trainer, self._model = trainer, model
        self._optimizer: Optimizer = trainer.optimizers[0]
        self._parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._per_step = [c.scheduler for c in trainer.lr_scheduler_configs if c.interval == "step"]
        self._per_epoch = [c for c in trainer.lr_scheduler_configs if c.interval == "epoch"]
        self._averages = [c for c in trainer.callbacks if isinstance(c, WeightAveraging)]
        self._seeds = next(c for c in trainer.callbacks if isinstance(c, StepSeeds))
        self._counters = LoopCounters(trainer)
        self._counters.join_steps()

    def __call__(self, batches: list[Batch]) -> dict[str, Tensor]:
        """Train on each batch in turn.

        Args:
            batches: One per step, on the device.

        Returns:
            ``loss``: detached, one value per step (steps,).
        """
        first = self._counters.batch_idx
        self._counters.add_batches(len(batches) - 1)
        losses, logits = zip(*(self._step(batch, number) for number, batch in enumerate(batches, first)), strict=True)
        if self._counters.is_last_batch:
            self._end_epoch()
        all_labels = [batch.labels for batch in batches]
        means, sizes = torch.stack(losses), torch.tensor([len(labels) for labels in all_labels])
        loss_sum = (means * sizes.to(means.device, non_blocking=True)).sum()  # without waiting for a GPU
        self._model.metrics["train"].update(loss_sum, torch.cat(logits), torch.cat(all_labels))
        return {"loss": means}

    def _step(self, batch: Batch, number: int) -> tuple[Tensor, Tensor]:
        trainer, model = self._trainer, self._model
        self._seeds.seed(trainer, number)
        with trainer.precision_plugin.train_step_context():
            loss, logits = model.shared_step(batch, "train")
        for parameter in self._parameters:  # as optimizer.zero_grad, which takes 80 us longer
            parameter.grad = None
        loss.backward()
        if trainer.gradient_clip_val:
            model.clip_gradients(self._optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm)
        self._optimizer.step()
        self._counters.add_step()
        for schedule in self._per_step:
            schedule.step()
        for average in self._averages:
            # Lightning calls it once more after the last step of a call, which it then ignores as already averaged
            average.on_train_batch_end(trainer, model, None, batch, number)
        return loss.detach(), logits.detach()

    def _end_epoch(self) -> None:
        for config in self._per_epoch:
            if (self._trainer.current_epoch + 1) % config.frequency == 0:
                config.scheduler.step()
