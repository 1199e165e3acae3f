"""Corruptions of whole sets of images, in five strengths, to measure how robust a classifier is.

Noise, brightness and contrast have the formulas and strengths of ImageNet-C (Hendrycks & Dietterich 2019,
arXiv:1903.12261). Its blur is for images of 224x224 pixels; blur, shift and rotation have strengths for 28x28 pixels
here. Shift and rotation are from MNIST-C (Mu & Gilmer 2019, arXiv:1906.02337).

All are torch operations on the device of the images. The random numbers come from one seed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

STRENGTHS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption."""

    meaning: str
    """What the value of a strength is, with its unit."""
    values: tuple[float, ...]
    """Value at the strengths 1 to 5."""
    apply: Callable[[Tensor, float, Generator], Tensor]
    """Maps images, float (N, 1, H, W) in 0..1, a value and a generator to images that may leave 0..1."""


def corrupt(images: Tensor, name: str, strength: int, seed: int = 0) -> Tensor:
    """Corrupt images.

    Args:
        images: uint8 (N, 1, H, W).
        name: A key of `CORRUPTIONS`.
        strength: 1 (weakest) to 5.
        seed: Of the random numbers: the same seed, images and device give the same result.

    Returns:
        New images, uint8 (N, 1, H, W), rounded as an image file holds them.
    """
    corruption = CORRUPTIONS[name]
    generator = Generator(images.device).manual_seed(seed)
    corrupted = corruption.apply(images.float() / 255, corruption.values[strength - 1], generator)
    return corrupted.clamp(0, 1).mul(255).round().to(torch.uint8)


def gaussian_noise(images: Tensor, deviation: float, generator: Generator) -> Tensor:
    """Add normal noise of this standard deviation to each pixel: x + s n."""
    return images + deviation * torch.randn(images.shape, generator=generator, device=images.device)


def shot_noise(images: Tensor, photons: float, generator: Generator) -> Tensor:
    """Replace each pixel by a Poisson count of light: Poisson(x c) / c, where c photons make white."""
    return torch.poisson(images * photons, generator=generator) / photons


def impulse_noise(images: Tensor, fraction: float, generator: Generator) -> Tensor:
    """Replace this fraction of the pixels: one half by black, the other by white."""
    draws = torch.rand(images.shape, generator=generator, device=images.device)
    return images.masked_fill(draws < fraction / 2, 0.0).masked_fill(draws > 1 - fraction / 2, 1.0)


def gaussian_blur(images: Tensor, deviation: float, generator: Generator) -> Tensor:
    """Convolve with a normal distribution of this standard deviation in pixels; beyond the border is black."""
    reach = math.ceil(3 * deviation)
    offsets = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offsets / deviation) ** 2)
    kernel = kernel / kernel.sum()
    blurred = F.conv2d(images, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(blurred, kernel.view(1, 1, 1, -1), padding=(0, reach))


def brightness(images: Tensor, amount: float, generator: Generator) -> Tensor:
    """Add the same amount to every pixel, the background included: x + b."""
    return images + amount


def contrast(images: Tensor, factor: float, generator: Generator) -> Tensor:
    """Move every pixel towards the mean m of its image: (x - m) c + m."""
    means = images.mean(dim=(2, 3), keepdim=True)
    return (images - means) * factor + means


def shift(images: Tensor, pixels: float, generator: Generator) -> Tensor:
    """Move each image by whole pixels to the left, right, top or bottom, at random; black enters."""
    count, _, height, width = images.shape
    direction = torch.randint(4, (count,), generator=generator, device=images.device)
    step = round(pixels)
    padded = F.pad(images, (step, step, step, step))
    moved = [
        padded[:, :, step + y * step : step + y * step + height, step + x * step : step + x * step + width]
        for y, x in ((0, 1), (0, -1), (1, 0), (-1, 0))
    ]
    return torch.stack(moved)[direction, torch.arange(count, device=images.device)]


def rotation(images: Tensor, degrees: float, generator: Generator) -> Tensor:
    """Rotate each image by this angle about its centre, to the left or right at random; black enters."""
    count = len(images)
    sign = torch.randint(2, (count,), generator=generator, device=images.device) * 2 - 1
    angle = sign * math.radians(degrees)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(count, device=images.device)
    rows = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(count, 2, 3)
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian noise": Corruption("standard deviation", (0.08, 0.12, 0.18, 0.26, 0.38), gaussian_noise),
    "shot noise": Corruption("photons per white pixel", (60, 25, 12, 5, 3), shot_noise),
    "impulse noise": Corruption("fraction of the pixels", (0.03, 0.06, 0.09, 0.17, 0.27), impulse_noise),
    "blur": Corruption("standard deviation, pixels", (0.5, 0.75, 1.0, 1.5, 2.0), gaussian_blur),
    "brightness": Corruption("added, white is 1", (0.1, 0.2, 0.3, 0.4, 0.5), brightness),
    "contrast": Corruption("factor", (0.4, 0.3, 0.2, 0.1, 0.05), contrast),
    "shift": Corruption("pixels", (1, 2, 3, 4, 5), shift),
    "rotation": Corruption("degrees", (5, 10, 20, 30, 45), rotation),
}
"""Name -> corruption. Pixels are in 0..1 while a corruption works."""
