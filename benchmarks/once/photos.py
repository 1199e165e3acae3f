"""Predictions on photos: agreement with those on the images that they show, and which of them are unsure.

    python benchmarks/once/photos.py

Data: the first 2,000 real test images, made into photos: enlarged 8 to 24 times, tinted, placed anywhere on a larger
white background, turned by any of the eight EXIF orientations, saved as JPEG. Prints, of the images that the model
classifies correctly at 28x28, the fraction whose photo gets the same class; before it, the number of images at 28x28
that the model is unsure of, and the brightness of the darkest. Use ``--part validation`` to select a recipe, a
threshold or a step of the photo preparation.

Then, for each threshold of "unsure": the fraction of these photos below it, the fraction of them that are correct, and
the fraction of photos of shapes that are no clothes. The shapes are drawn: letters, polygons, stars, rings, crosses,
grids, spirals and scribbles of random size and angle, made into photos in the same way.

Takes about two minutes on two cores.
"""

import argparse
import io
import math
import string
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.source import load
from fmnist_pl.data.split import split
from fmnist_pl.photos.decode import decode_photo
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.photos.verdict import UNSURE_BELOW
from fmnist_pl.predictor import Predictor

ORIENTATION = 0x0112
TURNED_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""Transformation of the pixels that each EXIF orientation undoes."""


THRESHOLDS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
SIDE = 112
"""Side of a drawing in pixels, before it is reduced to 28."""


def main() -> None:
    """Compare the predictions, print the fraction and the table of thresholds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt_path", help="A checkpoint; default: the weights of the package.")
    parser.add_argument("--part", choices=["test", "validation"], default="test", help="Images to use.")
    parser.add_argument("--images", type=int, default=2000, help="Number of images, from the first.")
    options = parser.parse_args()
    predictor = Predictor.from_checkpoint(options.ckpt_path) if options.ckpt_path else Predictor.shipped()
    data = _part(options.part, options.images)
    sure, before = predictor.probabilities(data.images).max(dim=1)
    right, unsure = before == data.labels, sure < UNSURE_BELOW
    print(f"{len(data):,} {options.part} images; correct at 28x28: {right.float().mean():.4f}")
    print(f"unsure of {unsure.sum()} ({unsure.float().mean():.1%}), of which {right[unsure].sum()} are correct")
    print(f"mean brightness of the darkest: {data.images.float().mean(dim=(1, 2, 3)).min():.1f} of 255", flush=True)
    generator = np.random.default_rng(0)
    probability, after = _predict_photos(predictor, data.images, generator)
    same = (after == before)[right]
    print(f"photos of those given the same class: {same.float().mean():.4f} (n = {len(same):,})")
    changed = [(CLASSES[a], CLASSES[b]) for a, b in zip(before[right][~same], after[right][~same], strict=True)]
    for (name, other), count in Counter(changed).most_common(5):
        print(f"  {count:3} x {name} predicted as {other}")
    kinds = [list(SHAPES)[number % len(SHAPES)] for number in range(options.images)]
    shapes = torch.stack([draw_shape(kind, generator) for kind in kinds]).unsqueeze(1)
    print_thresholds(probability, after == data.labels, _predict_photos(predictor, shapes, generator)[0], kinds)


def _predict_photos(predictor: Predictor, images: Tensor, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Probability and number of the first class of a photo of each image (N, 1, 28, 28)."""
    photos = torch.stack([prepare(decode_photo(photograph(image[0], generator))) for image in images])
    probability, first = predictor.probabilities(photos.unsqueeze(1)).max(dim=1)
    return probability, first


def print_thresholds(clothes: Tensor, right: Tensor, shapes: Tensor, kinds: list[str]) -> None:
    """Print which predictions each threshold calls unsure.

    Args:
        clothes: Probability of the first class of each photo of clothes.
        right: Whether that class is correct.
        shapes: Probability of the first class of each photo of a shape.
        kinds: Kind of each shape.
    """
    print(f"unsure below: clothes (n = {len(clothes):,}), of which correct; shapes (n = {len(shapes):,})")
    for threshold in THRESHOLDS:
        below = clothes < threshold
        print(f"  {threshold:.2f}  {below.float().mean():.3f}  {right[below].float().mean():.3f}", end="  ")
        print(f"{(shapes < threshold).float().mean():.3f}")
    print(f"shapes below {UNSURE_BELOW}:")
    for kind in SHAPES:
        chosen = torch.tensor([one == kind for one in kinds])
        print(f"  {kind:9} {(shapes[chosen] < UNSURE_BELOW).float().mean():.2f}")


def draw_shape(kind: str, generator: np.random.Generator) -> Tensor:
    """Draw a shape that is no piece of clothing, bright on black: uint8 (28, 28)."""
    drawing = Image.new("L", (SIDE, SIDE))
    SHAPES[kind](ImageDraw.Draw(drawing), generator)
    turned = drawing.rotate(generator.uniform(-180, 180), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(turned.resize((28, 28), Image.Resampling.BOX)))


def _letter(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    letter = generator.choice(list(string.ascii_letters + string.digits))
    font = ImageFont.load_default(generator.uniform(60, 100))
    draw.text((SIDE / 2, SIDE / 2), letter, fill=255, font=font, anchor="mm", stroke_width=int(generator.integers(4)))


def _polygon(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    draw.regular_polygon((SIDE / 2, SIDE / 2, generator.uniform(20, 50)), int(generator.integers(3, 8)), fill=255)


def _star(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    points, inner = 2 * int(generator.integers(4, 9)), generator.uniform(0.3, 0.6)
    radii = [50 * (inner if corner % 2 else 1) for corner in range(points)]
    draw.polygon([_on_circle(radius, corner / points) for corner, radius in enumerate(radii)], fill=255)


def _ring(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    width, height = generator.uniform(20, 50, size=2)
    box = (SIDE / 2 - width, SIDE / 2 - height, SIDE / 2 + width, SIDE / 2 + height)
    draw.ellipse(box, outline=255, width=int(generator.integers(6, 18)))


def _cross(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    width = int(generator.integers(5, 25))
    place = SIDE / 2 + generator.uniform(-25, 25)
    draw.line([(SIDE / 2, 10), (SIDE / 2, SIDE - 10)], fill=255, width=width)
    draw.line([(20, place), (SIDE - 20, place)], fill=255, width=width)


def _grid(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    gap, width = int(generator.integers(14, 30)), int(generator.integers(3, 9))
    for place in range(20, SIDE - 18, gap):
        draw.line([(place, 20), (place, SIDE - 20)], fill=255, width=width)
        draw.line([(20, place), (SIDE - 20, place)], fill=255, width=width)


def _spiral(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    turns = generator.uniform(1.5, 3.5)
    points = [_on_circle(50 * part, turns * part) for part in np.linspace(0, 1, 100)]
    draw.line(points, fill=255, width=int(generator.integers(4, 9)), joint="curve")


def _scribble(draw: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    corners = [tuple(point) for point in generator.uniform(10, SIDE - 10, size=(generator.integers(4, 10), 2))]
    draw.line(corners, fill=255, width=int(generator.integers(3, 9)), joint="curve")


def _on_circle(radius: float, turn: float) -> tuple[float, float]:
    return SIDE / 2 + radius * math.cos(2 * math.pi * turn), SIDE / 2 + radius * math.sin(2 * math.pi * turn)


SHAPES: dict[str, Callable[[ImageDraw.ImageDraw, np.random.Generator], None]] = {
    "letter": _letter,
    "polygon": _polygon,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
    "grid": _grid,
    "spiral": _spiral,
    "scribble": _scribble,
}


def photograph(image: Tensor, generator: np.random.Generator) -> bytes:
    """Make a photo of an image, as the bytes of a JPEG.

    Args:
        image: uint8 (28, 28).
        generator: Draws size, colour, position and orientation.
    """
    factor = generator.uniform(8, 24)
    side = round(28 * factor)
    enlarged = Image.fromarray(image.numpy()).resize((side, side), Image.Resampling.BICUBIC)
    darkest = generator.uniform(0, 140, size=3)
    cover = np.asarray(enlarged)[..., None] / 255
    left, top, right, bottom = (int(side * generator.uniform(0.02, 0.4)) for _ in range(4))
    photo = np.full((top + side + bottom, left + side + right, 3), 255.0)
    photo[top : top + side, left : left + side] = 255 - cover * (255 - darkest)
    pixels = Image.fromarray(photo.round().astype(np.uint8))
    orientation = int(generator.integers(1, 9))
    if orientation > 1:
        pixels = pixels.transpose(TURNED_BY[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = io.BytesIO()
    pixels.save(content, "JPEG", quality=90, exif=exif)
    return content.getvalue()


def _part(name: str, count: int) -> LabelledImages:
    data = load("real", None, verify=True, synthetic_size=0, seed=0, may_download=False)
    if data.source != "real":
        sys.exit("error: this benchmark needs the real images: set FMNIST_DATA to their folder")
    if name == "test":
        return data.test.part(torch.arange(count))
    return data.train.part(split(data.train.labels, seed=0)[1][:count])


if __name__ == "__main__":
    main()
