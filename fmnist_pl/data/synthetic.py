"""Draw ten kinds of clothes as silhouettes: for tests, demos and machines without the real images.

A garment is a union of parts (convex quadrilaterals, ellipses) in a square of side 2 around the origin, y down.
Each image has its own proportions, position, turn, brightness and cloth, so that no fixed template solves the set.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.data.images import LabelledImages, TrainAndTest

EDGE = 14.0
"""Steepness of a drawn edge, per unit length: about one pixel from dark to light."""


@lru_cache(maxsize=1)
def draw(train_size: int, seed: int) -> TrainAndTest:
    """Draw a training set, and a test set of a sixth of its size (as 60,000 to 10,000).

    Args:
        train_size: How many training images; the classes are as equal in number as can be.
        seed: The same seed draws the same images.
    """
    generator = torch.Generator().manual_seed(seed)
    test_size = max(train_size // 6, len(CLASSES))
    return TrainAndTest(_draw_set(train_size, generator), _draw_set(test_size, generator), source="synthetic")


def _draw_set(size: int, generator: torch.Generator) -> LabelledImages:
    labels = torch.arange(size) % len(CLASSES)
    images = torch.empty(size, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    for label, garment in enumerate(_GARMENTS):
        mine = labels == label
        images[mine] = _Sketch(int(mine.sum()), generator).finish(garment)
    order = torch.randperm(size, generator=generator)
    return LabelledImages(images[order], labels[order])


class _Sketch:
    """A batch of drawings of one class: each method returns coverage (N, H, W), 0 outside to 1 inside."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator = count, generator
        axis = (torch.arange(IMAGE_SIZE) + 0.5) / IMAGE_SIZE * 2 - 1
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        turn, size, facing = self.between(-0.25, 0.25), self.between(0.6, 1.0), self.between(-1, 1).sign()
        room = 1.1 - size  # a small garment may lie further from the middle
        x, y = x - room * self.between(-1, 1), y - room * self.between(-1, 1)
        self.x = (x * turn.cos() + y * turn.sin()) / size * facing
        self.y = (y * turn.cos() - x * turn.sin()) / size

    def between(self, low: float, high: float) -> Tensor:
        """One draw per image: (N, 1, 1)."""
        return low + (high - low) * torch.rand(self.count, 1, 1, generator=self.generator)

    def trapezium(
        self,
        top: Tensor | float,
        bottom: Tensor | float,
        w_top: Tensor,
        w_bottom: Tensor,
        middle: Tensor | float = 0.0,
        lean: Tensor | float = 0.0,
    ) -> Tensor:
        """From ``top`` to ``bottom``, of these half widths, around the line ``middle + lean * (y - top)``."""
        along = ((self.y - top) / (bottom - top)).clamp(0, 1)
        half_width = w_top + (w_bottom - w_top) * along
        aside = (self.x - middle - lean * (self.y - top)).abs()
        return _cover(torch.minimum(half_width - aside, torch.minimum(self.y - top, bottom - self.y)))

    def ellipse(self, middle_x: Tensor | float, middle_y: Tensor | float, r_x: Tensor, r_y: Tensor) -> Tensor:
        radius = (((self.x - middle_x) / r_x) ** 2 + ((self.y - middle_y) / r_y) ** 2).sqrt()
        return _cover((1 - radius) * torch.minimum(r_x, r_y))

    def both_sides(self, part: Callable[[float], Tensor]) -> Tensor:
        return torch.maximum(part(-1.0), part(1.0))

    def finish(self, garment: Callable[["_Sketch"], Tensor]) -> Tensor:
        """Give the shape its cloth: uint8 (N, 1, H, W)."""
        shape = garment(self)
        brightness = self.between(0.35, 1.0)
        stripes = (
            1 - self.between(0.0, 0.5) * (self.between(4, 22) * (self.y + self.x * self.between(-1, 1))).sin() ** 2
        )
        grain = 1 - 0.18 * torch.rand(shape.shape, generator=self.generator)
        return (shape * brightness * stripes * grain * 255).round().clamp(0, 255).to(torch.uint8).unsqueeze(1)


def _cover(depth: Tensor) -> Tensor:
    return torch.sigmoid(depth * EDGE * 2)


def _upper_body(s: _Sketch, sleeve: Tensor, hem: Tensor, open_front: bool = False, collar: bool = False) -> Tensor:
    shoulder, waist = s.between(0.36, 0.46), s.between(0.34, 0.46)
    body = s.trapezium(-0.75, hem, shoulder, waist)
    lean = s.between(0.25, 0.5)
    sleeves = s.both_sides(
        lambda side: s.trapezium(
            -0.74,
            -0.74 + sleeve,
            s.between(0.15, 0.17),
            s.between(0.10, 0.13),
            middle=side * shoulder,
            lean=side * lean,
        )
    )
    shape = torch.maximum(body, sleeves)
    neck = s.ellipse(0.0, -0.76, s.between(0.12, 0.2), s.between(0.08, 0.2))
    shape = shape * (1 - neck)
    if open_front:
        shape = shape * (1 - 0.75 * s.trapezium(-0.7, hem + 0.1, s.between(0.03, 0.06), s.between(0.03, 0.07)))
    if collar:
        buttons = (s.y * s.between(14, 20)).sin() ** 2 * s.trapezium(
            -0.5, hem, s.between(0.03, 0.05), s.between(0.03, 0.05)
        )
        wings = s.both_sides(lambda side: s.ellipse(side * 0.14, -0.7, s.between(0.1, 0.14), s.between(0.06, 0.08)))
        shape = torch.maximum(shape * (1 - 0.8 * buttons), wings)
    return shape


def _t_shirt(s: _Sketch) -> Tensor:
    return _upper_body(s, sleeve=s.between(0.3, 0.5), hem=s.between(0.55, 0.85))


def _trouser(s: _Sketch) -> Tensor:
    waist, width, spread = s.between(0.24, 0.34), s.between(0.12, 0.16), s.between(0.0, 0.12)
    legs = s.both_sides(
        lambda side: s.trapezium(-0.6, 0.9, width + 0.02, width - 0.02, middle=side * waist * 0.55, lean=side * spread)
    )
    return torch.maximum(legs, s.trapezium(-0.9, s.between(-0.5, -0.3), waist * 0.85, waist))


def _pullover(s: _Sketch) -> Tensor:
    return _upper_body(s, sleeve=s.between(1.2, 1.5), hem=s.between(0.5, 0.75))


def _dress(s: _Sketch) -> Tensor:
    bust, waist, hem = s.between(0.2, 0.28), s.between(0.13, 0.2), s.between(0.3, 0.55)
    top = s.trapezium(-0.9, -0.15, bust, waist)
    skirt = s.trapezium(-0.2, 0.92, waist, hem)
    return torch.maximum(top, skirt) * (1 - s.ellipse(0.0, -0.92, bust * 0.6, s.between(0.1, 0.25)))


def _coat(s: _Sketch) -> Tensor:
    return _upper_body(s, sleeve=s.between(1.2, 1.5), hem=s.between(0.8, 0.95), open_front=True)


def _sandal(s: _Sketch) -> Tensor:
    sole = s.trapezium(s.between(0.36, 0.44), s.between(0.52, 0.6), s.between(0.8, 0.9), s.between(0.8, 0.9))
    heel = s.trapezium(0.45, s.between(0.6, 0.85), s.between(0.08, 0.14), s.between(0.05, 0.1), middle=0.7)
    front = s.trapezium(
        -0.1, 0.42, s.between(0.05, 0.09), s.between(0.06, 0.1), middle=-0.15, lean=-s.between(0.4, 0.8)
    )
    back = s.trapezium(-0.3, 0.42, s.between(0.05, 0.09), s.between(0.06, 0.1), middle=0.45, lean=s.between(0.2, 0.45))
    strap = s.trapezium(-0.32, s.between(-0.2, -0.1), s.between(0.3, 0.45), s.between(0.3, 0.45), middle=0.2)
    return torch.stack([sole, heel, front, back, strap]).amax(0)


def _shirt(s: _Sketch) -> Tensor:
    return _upper_body(s, sleeve=s.between(1.1, 1.45), hem=s.between(0.6, 0.85), collar=True)


def _sneaker(s: _Sketch) -> Tensor:
    sole = s.trapezium(0.32, s.between(0.46, 0.54), s.between(0.84, 0.92), s.between(0.8, 0.9))
    toe = s.ellipse(-0.4, 0.34, s.between(0.42, 0.5), s.between(0.26, 0.36))
    heel = s.trapezium(s.between(-0.25, -0.1), 0.4, s.between(0.34, 0.42), s.between(0.5, 0.58), middle=0.4, lean=-0.1)
    return torch.stack([sole, toe, heel]).amax(0)


def _bag(s: _Sketch) -> Tensor:
    top, width = s.between(-0.35, -0.05), s.between(0.6, 0.85)
    body = s.trapezium(top, s.between(0.55, 0.8), width * s.between(0.8, 1.0), width)
    radius, thickness = s.between(0.3, 0.48), s.between(0.07, 0.14)
    handle = s.ellipse(0.0, top, radius, radius * 1.2) * (
        1 - s.ellipse(0.0, top, radius - thickness, radius * 1.2 - thickness)
    )
    return torch.maximum(body, handle)


def _ankle_boot(s: _Sketch) -> Tensor:
    shaft = s.trapezium(s.between(-0.8, -0.6), 0.5, s.between(0.28, 0.36), s.between(0.36, 0.44), middle=0.36)
    foot = s.ellipse(-0.3, 0.38, s.between(0.5, 0.58), s.between(0.28, 0.36))
    sole = s.trapezium(0.42, s.between(0.6, 0.68), s.between(0.76, 0.84), s.between(0.76, 0.84))
    heel = s.trapezium(0.5, s.between(0.7, 0.95), s.between(0.14, 0.24), s.between(0.08, 0.2), middle=0.58)
    return torch.stack([shaft, foot, sole, heel]).amax(0)


_GARMENTS = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot)
