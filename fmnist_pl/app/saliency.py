"""Which parts of an image a classifier goes by."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fmnist_pl.predictor import Predictor

PATCH = 6
"""Side of the patch that is blackened, in pixels: about a sleeve's width."""


def occlusion(predictor: Predictor, image: Tensor) -> Tensor:
    """How much each pixel speaks for the class that was told (occlusion, Zeiler & Fergus 2014).

    A patch is blackened at every place in turn. A pixel's weight is the mean fall of the class' log-odds over all
    patches that hide it; it needs no gradients, so that any exported model can be asked.

    Args:
        predictor: The classifier.
        image: uint8 (28, 28).

    Returns:
        float32 (28, 28), 0 to 1; what speaks against the class is 0. All 0 where nothing speaks for it.
    """
    height, width = image.shape
    tops, lefts = torch.meshgrid(torch.arange(1 - PATCH, height), torch.arange(1 - PATCH, width), indexing="ij")
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= tops.reshape(-1, 1)) & (rows < tops.reshape(-1, 1) + PATCH)
    in_columns = (columns >= lefts.reshape(-1, 1)) & (columns < lefts.reshape(-1, 1) + PATCH)
    hidden = in_rows[:, :, None] & in_columns[:, None, :]
    whole = predictor.probabilities(image.view(1, 1, height, width))[0]
    told = int(whole.argmax())
    parts = predictor.probabilities(image.masked_fill(hidden, 0).unsqueeze(1))[:, told]
    falls = torch.logit(whole[told], eps=1e-6) - torch.logit(parts, eps=1e-6)
    weights = (falls[:, None, None] * hidden).sum(dim=0) / hidden.sum(dim=0)
    return F.relu(weights) / weights.max().clamp(min=1e-6)
