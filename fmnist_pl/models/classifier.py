"""What all classifiers share: the step, the metrics, the optimizer."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
import torch.nn.functional as F
from lightning import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.data.images import Batch
from fmnist_pl.errors import UserError
from fmnist_pl.models.metrics import EpochMetrics
from fmnist_pl.models.schedules import Plateau, StepSchedule

OptimizerFactory = Callable[[Iterable], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]
NEVER = 2**31


class Classifier(LightningModule):
    """A network from images to logits, with its training; a subclass builds ``self.network``."""

    network: nn.Module
    history: list[dict[str, float]]
    """For each epoch its number (``epoch``, from 0) and figures (``train/loss`` and the like); kept in checkpoints."""
    execution: Callable[[list[Batch]], dict[str, Tensor]] | None = None
    """Trains on several batches in a row, where the training has one step stand for many."""
    compiled: Callable[[Tensor], Tensor] | None = None
    """The network as training steps go through it, where the training has compiled it; no part of checkpoints."""

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: list[float] | None = None,
        bias_lr_scale: float = 1.0,
        optimizer: OptimizerFactory = torch.optim.Adam,
        lr_scheduler: SchedulerFactory | None = None,
    ) -> None:
        """Set up what does not depend on the architecture.

        Args:
            label_smoothing: Part of each target spread evenly over all classes, in training (Szegedy et al. 2016).
            class_weights: Weight of each class in the training loss; null for equal weights.
            bias_lr_scale: Learning rate of biases (and of batch norm) as a multiple of the kernels'.
            optimizer: Makes the optimizer from the parameters (the top-level key ``optimizer``).
            lr_scheduler: Makes the schedule from the optimizer (the top-level key ``lr_scheduler``).
        """
        super().__init__()
        self.save_hyperparameters(ignore=["optimizer", "lr_scheduler"], logger=False)
        self.label_smoothing, self.bias_lr_scale = label_smoothing, bias_lr_scale
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler
        if class_weights is not None and len(class_weights) != len(CLASSES):
            raise UserError(
                f"model.class_weights holds {len(class_weights)} weights: give one per class, {len(CLASSES)}"
            )
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights, persistent=False)
        # in a plain dict: no part of the network, its summary or its checkpoints
        self.totals = {stage: EpochMetrics() for stage in ("train", "val", "test")}
        self.history = []
        self.example_input_array = torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised float images (B, 1, 28, 28) to logits (B, classes)."""
        return self.network(images)

    def probabilities(self, images: Tensor) -> Tensor:
        """Normalised float images (B, 1, 28, 28) to float32 probabilities (B, classes) that sum to 1."""
        return self(images).float().softmax(dim=1)

    def on_train_start(self) -> None:
        # not when the schedule is made: to count the steps then would make Lightning forget where a loader stood
        schedule = self.lr_schedulers()
        if isinstance(schedule, StepSchedule):
            steps = self.trainer.estimated_stepping_batches
            if steps == float("inf"):
                raise UserError("this schedule spans the run and must know its end: set --trainer.max_epochs")
            schedule.total_steps = int(steps)

    def training_step(self, batch: Batch | list[Batch], batch_idx: int) -> Tensor | dict[str, Tensor]:
        if self.execution is not None:
            outputs, steps = self.execution(cast(list[Batch], batch)), self.global_step
        else:
            outputs = {"loss": self._counted_step(cast(Batch, batch), "train")[0]}
            steps = self.global_step + 1
        if steps % max(self.trainer.log_every_n_steps, 1) == 0:
            self.log("train/loss_step", outputs["loss"].detach().reshape(-1)[-1], batch_size=1)
        return outputs

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Logits (B, classes), for callbacks that look at them."""
        return self._counted_step(batch, "val")[1]

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Logits (B, classes), for callbacks that look at them."""
        return self._counted_step(batch, "test")[1]

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Labels (B,) and probabilities (B, classes) of a batch."""
        return batch.labels, self.probabilities(batch.images)

    def on_train_epoch_end(self) -> None:
        self._log_totals("train")
        schedule = self.lr_schedulers()
        if isinstance(schedule, Plateau):
            self._step_plateau(schedule)

    def on_validation_epoch_end(self) -> None:
        self._log_totals("val")

    def on_test_epoch_end(self) -> None:
        self._log_totals("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = list(checkpoint.get("history", []))

    def configure_optimizers(self) -> Any:
        """The optimizer over all parameters, and its schedule, per step or per epoch as its kind asks."""
        optimizer = self.optimizer(self.parameters())
        if optimizer.defaults.get("weight_decay") or self.bias_lr_scale != 1:
            optimizer = self.optimizer(self._kernels_and_the_rest(optimizer.defaults["lr"]))
        # else Lightning refuses to clip the gradients of a fused optimizer
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        if self.lr_scheduler is None:
            return optimizer
        scheduler = self.lr_scheduler(optimizer)
        config: dict[str, Any] = {"scheduler": scheduler, "interval": "epoch"}
        if isinstance(scheduler, StepSchedule):
            config["interval"] = "step"
        elif isinstance(scheduler, Plateau):
            # Lightning would step it after the epoch's checkpoint: a resumed run would miss that step
            config |= {"monitor": scheduler.monitor, "frequency": NEVER}
        return {"optimizer": optimizer, "lr_scheduler": config}

    def _kernels_and_the_rest(self, lr: float) -> Iterable[dict[str, Any]]:
        """Weight decay acts on kernels alone, as Keras' kernel_regularizer: not on biases and batch norm."""
        parameters = list(self.parameters())
        kernels = [p for p in parameters if p.ndim > 1]
        rest = [p for p in parameters if p.ndim <= 1]
        return [{"params": kernels}, {"params": rest, "weight_decay": 0.0, "lr": lr * self.bias_lr_scale}]

    def _step_plateau(self, schedule: Plateau) -> None:
        figures = self.trainer.callback_metrics
        if schedule.monitor not in figures:
            known = ", ".join(sorted(figures))
            raise UserError(f"lr_scheduler.monitor is {schedule.monitor}, but the figures of an epoch are {known}")
        schedule.step(figures[schedule.monitor])

    def shared_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """Mean loss and float32 logits (B, classes) of a batch of ``train``, ``val`` or ``test``."""
        network = self if self.compiled is None or stage != "train" else self.compiled
        logits, labels = network(batch.images).float(), batch.labels
        if stage == "train":
            loss = F.cross_entropy(logits, labels, self.class_weights, label_smoothing=self.label_smoothing)
        else:
            # the plain loss, so that runs with other smoothing or weights can be compared
            loss = F.cross_entropy(logits, labels)
        return loss, logits

    def _counted_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """The same, counted towards the epoch's figures."""
        loss, logits = self.shared_step(batch, stage)
        self.totals[stage].update(loss.detach() * len(logits), logits, batch.labels)
        return loss, logits

    def _log_totals(self, stage: str) -> None:
        totals = self.totals[stage]
        means = {f"{stage}/{name}": value for name, value in totals.compute().items()}
        # the values are those of all ranks already; sync_dist only tells Lightning so
        self.log_dict(means, prog_bar=True, sync_dist=True)
        totals.reset()
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            self._remember({name: float(value) for name, value in means.items()})

    def _remember(self, figures: dict[str, float]) -> None:
        """Add figures to those of the current epoch in ``history``."""
        if not self.history or self.history[-1]["epoch"] != self.current_epoch:
            self.history.append({"epoch": self.current_epoch})
        self.history[-1] |= figures
