"""From a photo to an image as those of the data set, by the steps of its authors.

Xiao, Rasul & Vollgraf (2017, arXiv:1708.07747, section 2): trim edges within 5% of the corners' colour, resize the
longest edge to 28, sharpen (Gaussian of radius 1), extend the shortest edge to 28 around the centre, negate, grey.
Their pictures were from one studio, on white; for all others this adds: the ground may have any one colour, is taken
out of the grey values, may be somewhat uneven, and transparent parts are ground whatever colour they hide.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from fmnist_pl.data.facts import IMAGE_SIZE

Array = NDArray[np.float32]

NEAR = 0.05
"""What is this close to the ground's colour, as a part of the range of a channel, belongs to the ground."""

CORNER = 0.04
"""Side of the corners that show the ground, as a part of the photo's shorter side."""

SPECK = 0.005
"""A row or column belongs to the thing if more than this part of it does."""

SHARPEN = ImageFilter.UnsharpMask(radius=1, percent=50, threshold=0)


def prepare(photo: Image.Image) -> Tensor:
    """Turn a photo into what a network sees.

    Args:
        photo: Mode RGBA, upright.

    Returns:
        uint8 (28, 28), the thing bright on black; all 0 where nothing stands out of the ground.
    """
    colours = np.asarray(photo).astype(np.float32) / np.float32(255)
    values = _cut_out(colours) if colours[..., 3].min() < 0.5 else _from_ground(colours[..., :3])
    rows, columns = (_extent(values > 0, axis) for axis in (1, 0))
    if rows is None or columns is None:
        return torch.zeros(IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    return _centred(_shrunk(values[rows, columns]))


def _cut_out(colours: Array) -> Array:
    """Brightness (H, W) of a thing on transparent ground: as if on white, and negated, unless it is light itself."""
    grey, alpha = _grey(colours[..., :3]), colours[..., 3]
    light = np.average(grey, weights=alpha) > 0.5 if alpha.any() else False
    return np.where(alpha > NEAR, (grey if light else 1 - grey) * alpha, 0)


def _from_ground(colours: Array) -> Array:
    """Brightness (H, W) of a thing: how far it is from the ground's grey, as a part of how far it could be."""
    corners = _corners(colours)
    ground = np.median(corners, axis=0)
    uneven = np.quantile(_distance(corners, ground), 0.9)
    thing = _distance(colours, ground) > max(NEAR, 2 * float(uneven))
    if not thing.any():
        return np.zeros_like(colours[..., 0])
    grey, grey_of_ground = _grey(colours), float(_grey(ground))
    if grey[thing].mean() < grey_of_ground:
        grey, grey_of_ground = 1 - grey, 1 - grey_of_ground
    return np.where(thing, (grey - grey_of_ground).clip(min=1e-6) / max(1 - grey_of_ground, 1e-6), 0)


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


def _distance(colours: Array, ground: Array) -> Array:
    """Largest difference in any channel."""
    return np.abs(colours - ground).max(axis=-1)


def _grey(colours: Array) -> Array:
    """Luma of ITU-R BT.601, which Pillow uses too."""
    return colours @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _extent(thing: NDArray[np.bool_], axis: int) -> slice | None:
    """From the first to the last row (axis 1) or column (axis 0) that holds more than specks of the thing."""
    held = np.flatnonzero(thing.mean(axis=axis) > SPECK)
    return slice(held[0], held[-1] + 1) if len(held) else None


def _shrunk(values: Array) -> Image.Image:
    """Mode L, its longest edge 28; sharpened where that made it smaller, since it also made it softer."""
    image = Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8))
    longest = max(image.size)
    width, height = (max(1, round(edge * IMAGE_SIZE / longest)) for edge in image.size)
    resized = image.resize((width, height), Image.Resampling.BOX if longest > IMAGE_SIZE else Image.Resampling.BICUBIC)
    return resized.filter(SHARPEN) if longest > IMAGE_SIZE else resized


def _centred(image: Image.Image) -> Tensor:
    canvas = Image.new("L", (IMAGE_SIZE, IMAGE_SIZE))
    canvas.paste(image, ((IMAGE_SIZE - image.width) // 2, (IMAGE_SIZE - image.height) // 2))
    return torch.from_numpy(np.array(canvas))
