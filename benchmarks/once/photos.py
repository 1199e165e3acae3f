"""Agreement of predictions on photos with predictions on the images that they show.

    python benchmarks/once/photos.py

Data: the first 2,000 real test images, made into photos: enlarged 8 to 24 times, tinted, placed anywhere on a larger
white background, turned by any of the eight EXIF orientations, saved as JPEG. Prints, of the images that the model
classifies correctly at 28x28, the fraction whose photo gets the same class; before it, the number of images at 28x28
that the model is unsure of, and the brightness of the darkest. Use ``--part validation`` to select a recipe, a
threshold or a step of the photo preparation.

Takes about a minute on two cores.
"""

import argparse
import io
import sys
from collections import Counter

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.source import load
from fmnist_pl.data.split import split
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.photos.read import decode_photo
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


def main() -> None:
    """Compare the predictions and print the fraction."""
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
    photos = torch.stack([prepare(decode_photo(photograph(image[0], generator))) for image in data.images])
    after = predictor.probabilities(photos.unsqueeze(1)).argmax(dim=1)
    same = (after == before)[right]
    print(f"photos of those given the same class: {same.float().mean():.4f} (n = {len(same):,})")
    changed = [(CLASSES[a], CLASSES[b]) for a, b in zip(before[right][~same], after[right][~same], strict=True)]
    for (name, other), count in Counter(changed).most_common(5):
        print(f"  {count:3} x {name} predicted as {other}")


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
