"""The loss of a training."""

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(
    logits: Tensor, goal: Tensor, class_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy, the same for labels as for probabilities that are 1 for the label and 0 for other classes.

    torch divides the sum of the weighted losses by the sum of the weights if it is given labels, but by the number of
    images if it is given probabilities.

    Args:
        logits: float32 (B, 10).
        goal: Labels (B,), or probabilities of the classes (B, 10).
        class_weights: Weight of each class (10,).
        label_smoothing: Fraction of each target spread evenly over all classes.
    """
    # Lightning gives probabilities and weights the number format of the network, which may be fp16 or float64
    weights = None if class_weights is None else class_weights.to(logits.dtype)
    if not goal.is_floating_point():
        return F.cross_entropy(logits, goal, weights, label_smoothing=label_smoothing)
    goal = goal.to(logits.dtype)
    loss = F.cross_entropy(logits, goal, weights, label_smoothing=label_smoothing)
    return loss if weights is None else loss * len(goal) / (goal * weights).sum()
