"""Saliency: how much each pixel of an image speaks for the predicted class."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fmnist_pl.predictor import Predictor

PATCH = 6  # side of the occluding patch in pixels, about the width of a sleeve


def occlusion(predictor: Predictor, image: Tensor) -> Tensor:
    """Measure how much each pixel speaks for the predicted class (occlusion, Zeiler & Fergus 2014).

    A black patch covers every place of the image in turn. The weight of a pixel is the mean decrease of the class's
    log-odds over all patches that cover it. No gradients are needed, so that exported models work too.

    Args:
        predictor: Classifier.
        image: uint8 (28, 28).

    Returns:
        float32 (28, 28), 0 to 1; 0 for pixels that speak against the class. All 0 if no pixel speaks for it.
    """
    height, width = image.shape
    tops, lefts = torch.meshgrid(torch.arange(1 - PATCH, height), torch.arange(1 - PATCH, width), indexing="ij")
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= tops.reshape(-1, 1)) & (rows < tops.reshape(-1, 1) + PATCH)
    in_columns = (columns >= lefts.reshape(-1, 1)) & (columns < lefts.reshape(-1, 1) + PATCH)
    hidden = in_rows[:, :, None] & in_columns[:, None, :]
    whole = predictor.probabilities(image.view(1, 1, height, width))[0]
    predicted = int(whole.argmax())
    occluded = predictor.probabilities(image.masked_fill(hidden, 0).unsqueeze(1))[:, predicted]
    decreases = torch.logit(whole[predicted], eps=1e-6) - torch.logit(occluded, eps=1e-6)
    weights = (decreases[:, None, None] * hidden).sum(dim=0) / hidden.sum(dim=0)
    return F.relu(weights) / weights.max().clamp(min=1e-6)
