"""Several optimizer steps in one call: what Keras calls steps_per_execution.

Lightning's loop costs some 0.5 ms a step, which a small network's step itself does not take. Within an execution the
steps follow each other with nothing between them; what they compute, and what Lightning counts, is as with one by one.
"""

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor
from torch.optim import Optimizer

from fmnist_pl.data.images import Batch
from fmnist_pl.models.classifier import Classifier
from fmnist_pl.training.callbacks.step_seeds import StepSeeds


class Executions(Callback):
    """Takes the training step over from Lightning: the loader hands out several batches at once."""

    def __init__(self, steps_per_execution: int) -> None:
        self.steps = steps_per_execution

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        # after Lightning's check that its gradient clipping is not asked for beside a step of one's own
        pl_module.automatic_optimization = False
        pl_module.execution = Execution(trainer, pl_module)
        # logged at the end of an execution, hence at multiples of its length
        trainer.log_every_n_steps = -(-trainer.log_every_n_steps // self.steps) * self.steps

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        pl_module.automatic_optimization, pl_module.execution = True, None


class Execution:
    """The steps of one training: forward, backward, clipping, optimizer, schedule, averages, totals."""

    def __init__(self, trainer: Trainer, model: Classifier) -> None:
        self._trainer, self._model = trainer, model
        self._optimizer: Optimizer = trainer.optimizers[0]
        self._parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._loop = trainer.fit_loop.epoch_loop
        self._per_step = [c.scheduler for c in trainer.lr_scheduler_configs if c.interval == "step"]
        self._per_epoch = [c for c in trainer.lr_scheduler_configs if c.interval == "epoch"]
        self._averages = [c for c in trainer.callbacks if isinstance(c, WeightAveraging)]
        self._seeds = next(c for c in trainer.callbacks if isinstance(c, StepSeeds))
        self._progress = (
            self._loop.automatic_optimization.optim_progress.optimizer.step.total,
            self._loop.manual_optimization.optim_step_progress.total,
        )
        for progress in self._progress:  # a resumed run may have gone step by step before
            progress.ready = progress.completed = max(each.completed for each in self._progress)

    def __call__(self, batches: list[Batch]) -> dict[str, Tensor]:
        """Train on each batch in turn.

        Args:
            batches: Images (B, 1, 28, 28) and labels (B,) of each step, on the device.

        Returns:
            ``loss``: that of each step (steps,), detached.
        """
        first = self._loop.batch_idx
        self._count(len(batches) - 1)
        losses, logits = zip(*(self._step(batch, number) for number, batch in enumerate(batches, first)), strict=True)
        if self._loop.batch_progress.is_last_batch:
            self._end_epoch()
        all_labels = [batch.labels for batch in batches]
        means, sizes = torch.stack(losses), torch.tensor([len(labels) for labels in all_labels])
        loss_sum = (means * sizes.to(means.device, non_blocking=True)).sum()  # else a GPU is waited for
        self._model.totals["train"].update(loss_sum, torch.cat(logits), torch.cat(all_labels))
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
        for progress in self._progress:
            progress.increment_by(1)
        for schedule in self._per_step:
            schedule.step()
        for average in self._averages:
            average.on_train_batch_end(trainer, model, None, batch, number)
        return loss.detach(), logits.detach()

    def _count(self, more: int) -> None:
        """Lightning counts one batch for each call: let it count the others too."""
        fetcher = self._trainer.fit_loop._data_fetcher
        fetcher.fetched += more
        fetcher.done = fetcher.fetched >= fetcher.length
        self._loop.batch_progress.increment_by(more, is_last_batch=fetcher.done)
        self._loop._batches_that_stepped += more

    def _end_epoch(self) -> None:
        for config in self._per_epoch:
            if (self._trainer.current_epoch + 1) % config.frequency == 0:
                config.scheduler.step()
