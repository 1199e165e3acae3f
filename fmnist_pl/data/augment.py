"""Random changes to a whole batch at once, each image with its own draw, on the batch's own device.

Written here since every draw comes from a generator that is handed in, so that a resumed run goes on as one never
stopped; kornia draws from torch's own, and takes 1.6 times as long (benchmarks/once/augmentation.py); torchvision draws
once for a whole batch.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from fmnist_pl.errors import UserError


@dataclass(frozen=True)
class Augment:
    """How training images are changed at random, anew in every epoch; all of it off by default.

    Args:
        horizontal_flip: Chance to mirror an image left to right. Shoes in this set face left.
        shift: Largest shift along each axis, as a part of the image's side (0.1 is 2.8 pixels).
        rotation: Largest turn either way, in degrees.
        shear: Largest slant either way, in degrees.
        zoom: Largest change of size either way, as a part (0.1 is 90% to 110%).
        brightness: Largest change of brightness either way, as a part (0.3 is 70% to 130%).
        erasing: Chance to blacken a rectangle of 2% to 33% of the image (Zhong et al. 2017).
    """

    horizontal_flip: float = 0.0
    shift: float = 0.0
    rotation: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    erasing: float = 0.0

    def check(self) -> None:
        """Raise a UserError where a value is out of its range."""
        limits = {"horizontal_flip": 1.0, "shift": 1.0, "rotation": 180.0, "shear": 80.0}
        limits |= {"zoom": 0.9, "brightness": 1.0, "erasing": 1.0}
        for name, highest in limits.items():
            if not 0 <= getattr(self, name) <= highest:
                raise UserError(f"data.augment.{name} is {getattr(self, name)}: give 0 (off) to {highest:g}")

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Change a batch.

        Args:
            images: float (N, C, H, W), black is 0.
            generator: On the device of the images; decides every draw.

        Returns:
            New images of the same shape; the given ones are left alone.
        """
        if self.horizontal_flip:
            images = _flip(images, self.horizontal_flip, generator)
        if self.shift or self.rotation or self.shear or self.zoom:
            images = self._affine(images, generator)
        if self.brightness:
            images = _brighten(images, self.brightness, generator)
        if self.erasing:
            images = _erase(images, self.erasing, generator)
        return images

    def _affine(self, images: Tensor, generator: Generator) -> Tensor:
        turn, slant_x, slant_y, zoom, shift_x, shift_y = _draw(images, 6, generator) * 2 - 1
        turn = turn * math.radians(self.rotation)
        slant_x, slant_y = (torch.tan(s * math.radians(self.shear)) for s in (slant_x, slant_y))
        zoom = 1 + zoom * self.zoom
        cos, sin = turn.cos() / zoom, turn.sin() / zoom
        # rows of the matrix from output to input coordinates, both from -1 to 1: turn and zoom, then slant
        x_row = torch.stack([cos - sin * slant_y, cos * slant_x - sin, 2 * self.shift * shift_x], dim=1)
        y_row = torch.stack([sin + cos * slant_y, sin * slant_x + cos, 2 * self.shift * shift_y], dim=1)
        grid = F.affine_grid(torch.stack([x_row, y_row], dim=1), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _draw(images: Tensor, count: int, generator: Generator) -> Tensor:
    """Uniform numbers in 0..1, ``count`` for each image: (count, N)."""
    return torch.rand(count, len(images), generator=generator, device=images.device)


def _flip(images: Tensor, chance: float, generator: Generator) -> Tensor:
    mirrored = _draw(images, 1, generator).view(-1, 1, 1, 1) < chance
    return torch.where(mirrored, images.flip(3), images)


def _brighten(images: Tensor, most: float, generator: Generator) -> Tensor:
    factors = 1 + most * (_draw(images, 1, generator) * 2 - 1)
    return (images * factors.view(-1, 1, 1, 1)).clamp(max=1)


def _erase(images: Tensor, chance: float, generator: Generator) -> Tensor:
    _, _, height, width = images.shape
    chosen, area, ratio, y, x = _draw(images, 5, generator)
    area, ratio = 0.02 + 0.31 * area, torch.exp((ratio * 2 - 1) * math.log(3.3))
    tall, wide = (area * ratio).sqrt().clamp(max=1) * height, (area / ratio).sqrt().clamp(max=1) * width
    top, left = y * (height - tall), x * (width - wide)
    row = torch.arange(height, device=images.device) + 0.5
    column = torch.arange(width, device=images.device) + 0.5
    in_rows = (row >= top[:, None]) & (row < (top + tall)[:, None]) & (chosen < chance)[:, None]
    in_columns = (column >= left[:, None]) & (column < (left + wide)[:, None])
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)
