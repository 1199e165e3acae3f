"""Targets of a distillation, computed before the first batch is made."""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.distillation import TEACHERS
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.errors import UserError
from fmnist_pl.networks.mirror import MirrorSequential
from fmnist_pl.networks.teachers import read_teachers


class Distill(Callback):
    """Gives the training images targets that the teachers compute, once per run, from images without augmentation.

    The teachers run in float32, so that the targets do not depend on the precision of the training. If the images are
    mirrored in training, the probabilities are means over the image and its mirror image. Every process computes all
    targets. (Beyer et al. 2022 run the teachers on each augmented image instead, at the cost of a forward pass each.)
    """

    def __init__(self, data: FashionMNISTDataModule) -> None:
        """Check the teachers, before any image is read.

        Args:
            data: Data of the training.

        Raises:
            UserError: A teacher is not a sound checkpoint, or its training had other images or another split.
        """
        read_teachers(data.distillation.teachers, vars(data))

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the targets: after the setup of the data, before Lightning asks for a loader.

        Raises:
            UserError: The images of ``data.source: auto`` are not the teachers', or their probabilities are not finite.
        """
        data = trainer.datamodule
        if stage != "fit" or data.distillation.weight == 0:
            return
        started, device = time.perf_counter(), trainer.strategy.root_device
        teachers = read_teachers(data.distillation.teachers, vars(data) | {"source": data.loaded.source})
        teachers = [teacher.to(device) for teacher in teachers]
        parts = {"validation": data.val_data} if data.has_validation else {}
        parts["training"] = data.train_data
        probabilities = {name: _probabilities(data, teachers, part, device) for name, part in parts.items()}
        if not all(bool(each.isfinite().all()) for each in probabilities.values()):
            raise UserError(f"{TEACHERS}: their probabilities are not finite; give teachers that did not diverge")
        if trainer.is_global_zero:
            accuracies = [f"{name} accuracy {_accuracy(each, parts[name]):.4f}" for name, each in probabilities.items()]
            seconds = time.perf_counter() - started
            names = ", ".join(data.distillation.teachers)
            print(f"teachers: {names}: {', '.join(accuracies)}; targets in {seconds:.1f} s", flush=True)
        targets = data.distillation.targets(data.train_data.labels, probabilities["training"])
        data.train_data = replace(data.train_data, targets=targets)


@torch.no_grad()  # not in inference mode: the loss saves the targets for its backward pass
def _probabilities(
    data: FashionMNISTDataModule, teachers: Sequence[nn.Module], part: LabelledImages, device: torch.device
) -> Tensor:
    """Mean probabilities (N, 10) over teachers and views, on the device of the images."""
    mirrored, batches = data.augment.horizontal_flip > 0, []
    for batch in BatchLoader(part, data.eval_batch_size, device=device):
        of_teachers = [data.distillation.probabilities(_logits(each, batch.images, mirrored)) for each in teachers]
        batches.append(torch.stack(of_teachers).mean(dim=0))
    return torch.cat(batches).to(part.labels.device)


def _logits(teacher: nn.Module, images: Tensor, mirrored: bool) -> list[Tensor]:
    """Logits (B, 10) of the images, and of their mirror images unless the teacher itself looks at both."""
    if not mirrored or (isinstance(teacher, MirrorSequential) and teacher.mirror):
        return [teacher(images)]
    return [teacher(images), teacher(images.flip(3))]


def _accuracy(probabilities: Tensor, part: LabelledImages) -> float:
    return float((probabilities.argmax(dim=1) == part.labels).float().mean())
