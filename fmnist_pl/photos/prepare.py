"""Turn a photo into an image like those of the data set, by the steps of its authors.

Xiao, Rasul & Vollgraf (2017, arXiv:1708.07747, section 2): trim edges within 5% of the corners' colour, resize the
longest edge to 28, sharpen (Gaussian of radius 1), extend the shortest edge to 28 around the centre, negate, grey.
Their photos have a white studio background. For other photos this module adds: the background may have any single
colour, is subtracted from the grey values, may be slightly uneven, and transparent parts are background.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from fmnist_pl.data.facts import IMAGE_SIZE

Array = NDArray[np.float32]

NEAR = 0.05  # colours this close to the background, as a fraction of a channel's range, are background
CORNER = 0.04  # side of the corners that show the background, as a fraction of the photo's shorter side
SPECK = 0.005  # a row or column belongs to the object if more than this fraction of it does
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # weights of red, green and blue
SHARPEN = ImageFilter.UnsharpMask(radius=1, percent=50, threshold=0)


def prepare(photo: Image.Image) -> Tensor:
    """Turn a photo into a network's input image.

    Args:
        photo: Mode RGBA, upright.

    Returns:
        uint8 (28, 28), the object bright on black; all 0 if nothing stands out from the background.
    """
    colours = np.asarray(photo).astype(np.float32) / np.float32(255)
    values = _cut_out(colours) if colours[..., 3].min() < 0.5 else _without_background(colours[..., :3])
    rows, columns = (_extent(values > 0, axis) for axis in (1, 0))
    if rows is None or columns is None:
        return torch.zeros(IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    return _centred(_resized(values[rows, columns]))


def _cut_out(colours: Array) -> Array:
    """Brightness (H, W) of an object with transparent background: negated, unless the object itself is light."""
    grey, alpha = _grey(colours[..., :3]), colours[..., 3]
    light = np.average(grey, weights=alpha) > 0.5 if alpha.any() else False
    return np.where(alpha > NEAR, (grey if light else 1 - grey) * alpha, 0)


def _without_background(colours: Array) -> Array:
    """Brightness (H, W) of an object: its distance from the background's grey, divided by the largest possible one."""
    corners = _corners(colours)
    background = np.median(corners, axis=0)
    uneven = np.quantile(_distance(corners, background), 0.9)
    is_object = _distance(colours, background) > max(NEAR, 2 * float(uneven))
    if not is_object.any():
        return np.zeros_like(colours[..., 0])
    grey, background_grey = _grey(colours), float(_grey(background))
    if grey[is_object].mean() < background_grey:
        grey, background_grey = 1 - grey, 1 - background_grey
    return np.where(is_object, (grey - background_grey).clip(min=1e-6) / max(1 - background_grey, 1e-6), 0)


def _corners(colours: Array) -> Array:
    """The pixels (N, 3) of the four corners."""
    side = max(1, round(CORNER * min(colours.shape[:2])))
    return np.concatenate(
        [
            colours[rows, columns].reshape(-1, 3)
            for rows in (slice(side), slice(-side, None))
            for columns in (slice(side), slice(-side, None))
        ]
    )


def _distance(colours: Array, background: Array) -> Array:
    """Largest difference in any channel."""
    return np.abs(colours - background).max(axis=-1)


def _grey(colours: Array) -> Array:
    """Luma of ITU-R BT.601, as in Pillow; added in this order, which a matrix product leaves open."""
    red, green, blue = LUMA
    return colours[..., 0] * red + colours[..., 1] * green + colours[..., 2] * blue


def _extent(is_object: NDArray[np.bool_], axis: int) -> slice | None:
    """From the first to the last row (axis 1) or column (axis 0) that holds more than specks of the object."""
    held = np.flatnonzero(is_object.mean(axis=axis) > SPECK)
    return slice(held[0], held[-1] + 1) if len(held) else None


def _resized(values: Array) -> Image.Image:
    """Resize to a longest edge of 28, mode L; sharpened if it became smaller, which also softens it."""
    image = Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8))
    longest = max(image.size)
    width, height = (max(1, round(edge * IMAGE_SIZE / longest)) for edge in image.size)
    resized = image.resize((width, height), Image.Resampling.BOX if longest > IMAGE_SIZE else Image.Resampling.BICUBIC)
    return resized.filter(SHARPEN) if longest > IMAGE_SIZE else resized


def _centred(image: Image.Image) -> Tensor:
    canvas = Image.new("L", (IMAGE_SIZE, IMAGE_SIZE))
    canvas.paste(image, ((IMAGE_SIZE - image.width) // 2, (IMAGE_SIZE - image.height) // 2))
    return torch.from_numpy(np.array(canvas))
