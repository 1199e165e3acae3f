"""Distillation: targets of a training that come, in part or in whole, from networks trained before (the teachers)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fmnist_pl.data.facts import CLASSES

TEACHERS = "data.distillation.teachers"  # the key that names the teachers


@dataclass(frozen=True)
class Distillation:
    """Targets from teachers (Hinton et al. 2015): (1 - weight) * label + weight * mean probabilities of the teachers.

    Args:
        teachers: Checkpoints of trainings with the same split; several are averaged. None: train on the labels alone.
        weight: Fraction of the teachers in the target; the rest is the label.
        temperature: The teachers' logits are divided by it. The student's are not: with a linear last layer, that only
            changes their scale.
    """

    teachers: list[str] = field(default_factory=list)
    weight: float = 1.0
    temperature: float = 1.0

    def probabilities(self, logits: Sequence[Tensor]) -> Tensor:
        """Mean softmax at the temperature, float32 (B, 10), of several logits (B, 10) of the same images."""
        return torch.stack([(each.float() / self.temperature).softmax(dim=1) for each in logits]).mean(dim=0)

    def targets(self, labels: Tensor, probabilities: Tensor) -> Tensor:
        """Targets (N, 10), float32, from labels (N,) and the teachers' probabilities (N, 10)."""
        return torch.lerp(F.one_hot(labels, len(CLASSES)).float(), probabilities, self.weight)


def split_difference(student: Mapping[str, Any], teacher: Mapping[str, Any]) -> str | None:
    """The first key in which the images or the split of two ``data`` blocks differ; ``None`` if they are the same.

    With the same split, a teacher has trained on no validation image of the student.

    Args:
        student: With every key of a split; the source ``auto``, which is not known yet, counts as the teacher's.
        teacher: Of any config.
    """
    source, num_folds = student["source"], student["num_folds"]
    compared = {
        "source": source != "auto",
        "verify": source == "real",
        "synthetic_size": source == "synthetic",
        "split_seed": True,
        "num_folds": True,
        "val_fraction": num_folds is None,
        "fold": num_folds is not None,
        "train_limit": True,
    }
    differing = (key for key, matters in compared.items() if matters and student[key] != teacher.get(key))
    return next(differing, None)
