"""The LightningModule that trains any network: the step, the metrics, the optimizer."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

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
from fmnist_pl.models.loss import cross_entropy
from fmnist_pl.models.metrics import EpochMetrics
from fmnist_pl.models.schedules import Plateau, StepSchedule
from fmnist_pl.networks.size import check_size

OptimizerFactory = Callable[[Iterable], Optimizer]
SchedulerFactory = Callable[[Optimizer], LRScheduler]
NEVER = 2**31


class Classifier(LightningModule):
    """Trains any network that maps normalised images (B, 1, 28, 28) to logits (B, 10).

    Args:
        network: Any torch.nn.Module, by its import path (--model.network my_file.MyNetwork --model.network.width 64).
        label_smoothing: Fraction of each target spread evenly over all classes, in training (Szegedy et al. 2016).
        class_weights: Weight of each class in the training loss; null for equal weights.
        bias_lr_scale: Learning rate of biases and of batch norm as a multiple of the kernels'.
        optimizer: Makes the optimizer from the parameters (the top-level key ``optimizer``).
        lr_scheduler: Makes the schedule from the optimizer (the top-level key ``lr_scheduler``).

    Raises:
        UserError: The network does not return 10 logits per image, or the number of class weights is wrong.
    """

    history: list[dict[str, float]]
    """For each epoch its number (``epoch``, from 0) and metrics (``train/loss`` etc.)."""
    multi_step: Callable[[list[Batch]], dict[str, Tensor]] | None = None
    """Trains on several batches in one call; set by the callback `training.multi_step.MultiStep`."""
    compiled: Callable[[Tensor], Tensor] | None = None
    """The compiled network for training steps; set by the callback `Compile`, not saved in checkpoints."""
    captured: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    """`training_loss` as a CUDA graph; set by the callback `Capture`."""

    def __init__(
        self,
        network: nn.Module,
        label_smoothing: float = 0.0,
        class_weights: list[float] | None = None,
        bias_lr_scale: float = 1.0,
        optimizer: OptimizerFactory = torch.optim.Adam,
        lr_scheduler: SchedulerFactory | None = None,
    ) -> None:
        super().__init__()
        self.label_smoothing, self.bias_lr_scale = label_smoothing, bias_lr_scale
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler
        if class_weights is not None and len(class_weights) != len(CLASSES):
            raise UserError(
                f"model.class_weights holds {len(class_weights)} weights: give one per class, {len(CLASSES)}"
            )
        self.network = network.to(memory_format=torch.channels_last)
        _check_logits(network, torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE))
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", weights, persistent=False)
        # in a plain dict: no part of the network, its summary or its checkpoints
        self.metrics = {stage: EpochMetrics() for stage in ("train", "val", "test")}
        self.history = []

    @property
    def example_input_array(self) -> Tensor:
        """An image (1, 1, 28, 28) in the number format of the weights, for TensorBoard's graph."""
        return torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=self.dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised float images (B, 1, 28, 28) to logits (B, 10)."""
        return self.network(images)

    def probabilities(self, images: Tensor) -> Tensor:
        """Normalised float images (B, 1, 28, 28) to float32 probabilities (B, 10) that sum to 1."""
        return self(images).float().softmax(dim=1)

    def on_train_start(self) -> None:
        # not when the schedule is made: counting the steps then makes Lightning forget a resumed loader's position
        schedule = self.lr_schedulers()
        if isinstance(schedule, StepSchedule):
            steps = self.trainer.estimated_stepping_batches
            if steps == float("inf"):
                raise UserError("lr_scheduler spans the run and needs its length: set --trainer.max_epochs")
            schedule.total_steps = int(steps)

    def training_step(self, batch: Batch | list[Batch], batch_idx: int) -> Tensor | dict[str, Tensor]:
        if self.multi_step is not None:
            outputs, steps = self.multi_step(cast(list[Batch], batch)), self.global_step
        else:
            outputs = {"loss": self._measured_step(cast(Batch, batch), "train")[0]}
            steps = self.global_step + 1
        if steps % max(self.trainer.log_every_n_steps, 1) == 0:
            self.log("train/loss_step", outputs["loss"].detach().reshape(-1)[-1], batch_size=1)
        return outputs

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Logits (B, classes), for callbacks that look at them."""
        return self._measured_step(batch, "val")[1]

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Logits (B, classes), for callbacks that look at them."""
        return self._measured_step(batch, "test")[1]

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Tensor]:
        """Labels (B,) and probabilities (B, 10) of a batch."""
        return batch.labels, self.probabilities(batch.images)

    def on_train_epoch_end(self) -> None:
        self._log_metrics("train")
        schedule = self.lr_schedulers()
        if isinstance(schedule, Plateau):
            self._step_plateau(schedule)

    def on_validation_epoch_end(self) -> None:
        self._log_metrics("val")

    def on_test_epoch_end(self) -> None:
        self._log_metrics("test")

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = list(checkpoint.get("history", []))

    def configure_optimizers(self) -> Any:
        """The optimizer of all parameters, and its schedule, stepped per step or per epoch."""
        optimizer = self.optimizer(self.parameters())
        if optimizer.defaults.get("weight_decay") or self.bias_lr_scale != 1:
            optimizer = self.optimizer(self._kernels_and_others(optimizer.defaults["lr"]))
        # otherwise Lightning refuses to clip the gradients of a fused optimizer
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        if self.lr_scheduler is None:
            return optimizer
        scheduler = self.lr_scheduler(optimizer)
        config: dict[str, Any] = {"scheduler": scheduler, "interval": "epoch"}
        if isinstance(scheduler, StepSchedule):
            config["interval"] = "step"
        elif isinstance(scheduler, Plateau):
            # Lightning steps it after the epoch's checkpoint, so that a resumed run would miss that step
            config |= {"monitor": scheduler.monitor, "frequency": NEVER}
        return {"optimizer": optimizer, "lr_scheduler": config}

    def _kernels_and_others(self, lr: float) -> Iterable[dict[str, Any]]:
        """Parameter groups: weight decay acts on kernels alone, as Keras' kernel_regularizer does."""
        parameters = list(self.parameters())
        kernels = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        return [{"params": kernels}, {"params": others, "weight_decay": 0.0, "lr": lr * self.bias_lr_scale}]

    def _step_plateau(self, schedule: Plateau) -> None:
        metrics = self.trainer.callback_metrics
        if schedule.monitor not in metrics:
            known = ", ".join(sorted(metrics))
            raise UserError(f"lr_scheduler.monitor is {schedule.monitor}: give one of the metrics of an epoch, {known}")
        schedule.step(metrics[schedule.monitor])

    def shared_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """Mean loss and float32 logits (B, 10) of a batch of ``train``, ``val`` or ``test``."""
        if stage == "train":
            return (self.captured or self.training_loss)(batch.images, batch.goal)
        logits = self(batch.images).float()
        # the plain loss, so that runs with different smoothing or weights can be compared
        return F.cross_entropy(logits, batch.labels), logits

    def training_loss(self, images: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss and float32 logits (B, 10) of training images (B, 1, 28, 28).

        Args:
            images: The images.
            goal: Labels (B,) or probabilities of the classes (B, 10).
        """
        logits = (self.compiled or self)(images).float()
        return cross_entropy(logits, goal, self.class_weights, self.label_smoothing), logits

    def _measured_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """`shared_step`, with the batch added to the metrics of the epoch."""
        loss, logits = self.shared_step(batch, stage)
        self.metrics[stage].update(loss.detach() * len(logits), logits, batch.labels)
        return loss, logits

    def _log_metrics(self, stage: str) -> None:
        metrics = self.metrics[stage]
        means = {f"{stage}/{name}": value for name, value in metrics.compute().items()}
        # the values are those of all ranks already; sync_dist tells Lightning so
        self.log_dict(means, prog_bar=True, sync_dist=True)
        metrics.reset()
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            self._add_to_history({name: float(value) for name, value in means.items()})

    def _add_to_history(self, metrics: dict[str, float]) -> None:
        """Add metrics to the current epoch of ``history``."""
        if not self.history or self.history[-1]["epoch"] != self.current_epoch:
            self.history.append({"epoch": self.current_epoch})
        self.history[-1] |= metrics


class NamedClassifier(Classifier):
    """A classifier of one kind of network, whose arguments stand beside those of the training: ``--model.dropout 0.1``.

    A subclass names the network: ``class DenseClassifier(NamedClassifier, network_class=Dense)``. Its constructor takes
    the arguments of that network and those of `Classifier`, with their types, defaults and descriptions.
    """

    network_class: ClassVar[type[nn.Module]]

    def __init_subclass__(cls, network_class: type[nn.Module] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if network_class is None:
            return
        cls.network_class = network_class
        own = inspect.signature(network_class).parameters
        shared = {name: p for name, p in inspect.signature(Classifier).parameters.items() if name != "network"}

        def __init__(self: NamedClassifier, **arguments: Any) -> None:  # noqa: N807
            of_network = {name: arguments[name] for name in own if name in arguments}
            with torch.device("meta"):
                check_size(network_class(**of_network))
            network = network_class(**of_network)
            Classifier.__init__(self, network, **{name: value for name, value in arguments.items() if name not in own})
            plain = {name: value for name, value in arguments.items() if name not in ("optimizer", "lr_scheduler")}
            self.save_hyperparameters(plain, logger=False)  # for Lightning's load_from_checkpoint

        # the parser of the command line reads the signature, and the descriptions from the docstring
        first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        __init__.__signature__ = inspect.Signature([first, *own.values(), *shared.values()])  # type: ignore[attr-defined]
        __init__.__doc__ = network_class.__doc__
        cls.__init__ = __init__  # type: ignore[assignment,method-assign]


def _check_logits(network: nn.Module, images: Tensor) -> None:
    """See whether a network maps images to 10 logits each; lazy layers take their shape here."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            found = tuple(network(images.expand(2, -1, -1, -1)).shape)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"model.network: {type(network).__name__} does not take images (2, 1, {IMAGE_SIZE}, {IMAGE_SIZE}): {reason}"
        ) from error
    finally:
        network.train(was_training)
    if found != (2, len(CLASSES)):
        raise UserError(
            f"model.network: {type(network).__name__} maps 2 images to {found}: return logits (2, {len(CLASSES)})"
        )
