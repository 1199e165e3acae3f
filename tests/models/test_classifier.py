"""What all classifiers share: totals over an epoch, the losses, the optimizer's groups."""

import pytest
import torch
import torch.nn.functional as F

from fmnist_pl.data.images import Batch
from fmnist_pl.models import DenseClassifier
from fmnist_pl.models.loss import cross_entropy
from fmnist_pl.models.metrics import EpochMetrics


def test_totals_weigh_batches_by_their_size() -> None:
    totals, logits = EpochMetrics(), torch.eye(3)
    totals.update(torch.tensor(3.0), logits, torch.tensor([0, 1, 2]))
    totals.update(torch.tensor(5.0), logits[:1], torch.tensor([2]))
    assert {name: value.item() for name, value in totals.compute().items()} == {"loss": 2.0, "acc": 0.75}


def test_smoothing_and_weights_are_for_training_alone() -> None:
    model = DenseClassifier(label_smoothing=0.2, class_weights=[float(i) for i in range(1, 11)])
    images, labels = torch.randn(6, 1, 28, 28), torch.arange(6)
    batch = Batch(images, labels, labels)
    logits = model(images)
    smoothed = F.cross_entropy(logits, labels, torch.arange(1.0, 11.0), label_smoothing=0.2)
    torch.testing.assert_close(model.shared_step(batch, "train")[0], smoothed)
    torch.testing.assert_close(model.shared_step(batch, "val")[0], F.cross_entropy(logits, labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, torch.arange(1.0, 11.0)])
def test_the_loss_of_labels_is_that_of_their_probabilities(smoothing: float, weights: torch.Tensor | None) -> None:
    logits, labels = torch.randn(6, 10), torch.arange(6)
    expected = F.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    for number_format in (torch.float32, torch.float64):
        one_hot = torch.eye(10, dtype=number_format)[labels]
        torch.testing.assert_close(cross_entropy(logits, one_hot, weights, smoothing), expected)
    spread = torch.softmax(torch.randn(6, 10), dim=1)
    smoothed = (1 - smoothing) * spread + smoothing / 10
    every = -logits.log_softmax(1) * (1 if weights is None else weights)
    total = 6 if weights is None else (spread * weights).sum()
    torch.testing.assert_close(cross_entropy(logits, spread, weights, smoothing), (every * smoothed).sum() / total)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_weight_decay_acts_on_kernels_alone(decay: float) -> None:
    model = DenseClassifier(optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=decay))
    groups = model.configure_optimizers().param_groups
    assert sum(len(group["params"]) for group in groups) == 4
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (decay if parameter.ndim > 1 else 0.0)


def test_biases_may_have_a_rate_of_their_own() -> None:
    model = DenseClassifier(bias_lr_scale=4, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1))
    rates = {p.ndim: group["lr"] for group in model.configure_optimizers().param_groups for p in group["params"]}
    assert rates == {2: 0.1, 1: 0.4}
