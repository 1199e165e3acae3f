"""Random augmentation of a whole batch at once, with random numbers of its own for each image, on the batch's device.

It takes a generator, so that a resumed run repeats an uninterrupted one. kornia uses torch's global generator and takes
1.6 times as long (benchmarks/once/augmentation.py); torchvision uses the same random numbers for a whole batch.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


class Mixture(NamedTuple):
    """A second image for each image of a batch, its partner, and the weight of the partner in each pixel.

    ``partners`` are positions in the batch, int64 (N,). ``weights`` are (N, 1, H, W), from 0 for a pixel of the image
    itself to 1 for a pixel of its partner.
    """

    partners: Tensor
    weights: Tensor

    def mix_images(self, images: Tensor) -> Tensor:
        """Mix each image (N, C, H, W) with its partner."""
        return images.lerp(images[self.partners], self.weights)

    def mix_targets(self, targets: Tensor) -> Tensor:
        """Mix probabilities of the classes (N, K) in the shares that the images have in the pixels."""
        shares = self.weights.mean((1, 2, 3)).unsqueeze(1)
        return targets.lerp(targets[self.partners], shares)


@dataclass(frozen=True)
class Augment:
    """Random augmentation of training images, different in every epoch; all of it is off by default.

    Args:
        horizontal_flip: Probability to mirror an image left to right. Shoes in this set face left.
        shift: Largest shift along each axis, as a fraction of the image's side (0.1 is 2.8 pixels).
        rotation: Largest rotation in either direction, in degrees.
        shear: Largest shear in either direction, in degrees.
        zoom: Largest change of size, as a fraction (0.1 is 90% to 110%).
        brightness: Largest change of brightness, as a fraction (0.3 is 70% to 130%).
        erasing: Probability to blacken a rectangle of 2% to 33% of the image (Zhong et al. 2017).
        crop: Largest shift along each axis, in whole pixels; a random crop of the image with a black border added.
        cutmix: Probability to replace a rectangle of an image by the same rectangle of another image of its batch, and
            the same fraction of its target (Yun et al. 2019).
        mixup: Probability to blend an image and its target with another image of its batch and that one's target
            (Zhang et al. 2018). An image gets CutMix or mixup, not both.
    """

    horizontal_flip: float = 0.0
    shift: float = 0.0
    rotation: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    erasing: float = 0.0
    crop: int = 0
    cutmix: float = 0.0
    mixup: float = 0.0

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Change each image by itself; `mixture` is the part of the augmentation that uses several images.

        Args:
            images: float (N, C, H, W), black is 0, white is 1.
            generator: On the device of the images; the only source of random numbers.

        Returns:
            New images of the same shape; the given ones are not changed.
        """
        if self.horizontal_flip:
            images = _flip(images, self.horizontal_flip, generator)
        if self.shift or self.rotation or self.shear or self.zoom:
            images = self._affine(images, generator)
        if self.crop:
            images = _crop(images, self.crop, generator)
        if self.brightness:
            images = _brighten(images, self.brightness, generator)
        if self.erasing:
            images = _erase(images, self.erasing, generator)
        return images

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others of their batch."""
        return self.cutmix > 0 or self.mixup > 0

    def mixture(self, images: Tensor, generator: Generator) -> Mixture:
        """Draw a partner for each image, and for some of the images a CutMix or a mixup with it.

        The share of the partner is uniform in 0 to 1, which is Beta(1, 1). The rectangle of a CutMix has this fraction
        of the area, its centre is anywhere in the image, and what lies beyond the edges is lost.

        Args:
            images: float (N, C, H, W).
            generator: On the device of the images; the only source of random numbers.
        """
        height, width = images.shape[2:]
        chosen, share, y, x = _draw(images, 4, generator)
        partners = torch.randperm(len(images), generator=generator, device=images.device)
        is_cut, is_blended = chosen < self.cutmix, (chosen >= self.cutmix) & (chosen < self.cutmix + self.mixup)
        tall, wide = share.sqrt() * height * is_cut, share.sqrt() * width
        cut = _rectangles(images, y * height - tall / 2, x * width - wide / 2, tall, wide)
        return Mixture(partners, cut + (share * is_blended).view(-1, 1, 1, 1))

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
    """Uniform random numbers in 0..1, ``count`` for each image: (count, N)."""
    return torch.rand(count, len(images), generator=generator, device=images.device)


def _flip(images: Tensor, chance: float, generator: Generator) -> Tensor:
    mirrored = _draw(images, 1, generator).view(-1, 1, 1, 1) < chance
    return torch.where(mirrored, images.flip(3), images)


def _crop(images: Tensor, most: int, generator: Generator) -> Tensor:
    count, _, height, width = images.shape
    tops, lefts = torch.randint(2 * most + 1, (2, count), generator=generator, device=images.device)
    windows = F.pad(images, (most, most, most, most)).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count, device=images.device), :, tops, lefts]


def _brighten(images: Tensor, most: float, generator: Generator) -> Tensor:
    factors = 1 + most * (_draw(images, 1, generator) * 2 - 1)
    return (images * factors.view(-1, 1, 1, 1)).clamp(max=1)


def _erase(images: Tensor, chance: float, generator: Generator) -> Tensor:
    _, _, height, width = images.shape
    chosen, area, ratio, y, x = _draw(images, 5, generator)
    area, ratio = 0.02 + 0.31 * area, torch.exp((ratio * 2 - 1) * math.log(3.3))
    tall, wide = (area * ratio).sqrt().clamp(max=1) * height, (area / ratio).sqrt().clamp(max=1) * width
    erased = _rectangles(images, y * (height - tall), x * (width - wide), tall * (chosen < chance), wide)
    return images.masked_fill(erased, 0.0)


def _rectangles(images: Tensor, top: Tensor, left: Tensor, tall: Tensor, wide: Tensor) -> Tensor:
    """The pixels whose centres lie in a rectangle, one for each image, in pixels (N,): bool (N, 1, H, W)."""
    height, width = images.shape[2:]
    row = torch.arange(height, device=images.device) + 0.5
    column = torch.arange(width, device=images.device) + 0.5
    in_rows = (row >= top[:, None]) & (row < (top + tall)[:, None])
    in_columns = (column >= left[:, None]) & (column < (left + wide)[:, None])
    return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
