"""What several tests of training share: recipes with every kind of state, and how to stop a run."""

from typing import Any

import pytest
import torch

MIXED = ["--data.augment.crop", "2", "--data.augment.cutmix", "0.5", "--data.augment.mixup", "0.3"]
# dropout, augmentation, momentum and an averaged model: everything that has a state
STATEFUL = [
    "--model.dropout", "0.3", "--data.augment.shift", "0.1", "--data.augment.horizontal_flip", "0.5",
    "--data.batch_size", "60", "--optimizer.lr", "0.01", *MIXED,
]  # fmt: skip
SCHEDULES = {
    "constant": [],
    "one_cycle": ["--lr_scheduler", "OneCycle"],
    "step": ["--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "1", "--lr_scheduler.gamma", "0.5"],
    "plateau": [
        "--lr_scheduler",
        "Plateau",
        "--lr_scheduler.patience",
        "0",
        "--lr_scheduler.threshold",
        "10",
    ],
    "average": ["--trainer.callbacks+", "EMAWeightAveraging", "--trainer.callbacks.decay", "0.9"],
}


class StoppedError(Exception):
    """What stops a run in these tests."""


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the training end, as a kill would, before step ``steps`` + 1."""
    from fmnist_pl.models import Classifier

    original = Classifier.training_step

    def step(self: Classifier, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.global_step >= steps:
            raise StoppedError
        return original(self, batch, batch_idx)

    monkeypatch.setattr(Classifier, "training_step", step)
