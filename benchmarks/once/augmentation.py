"""Time to augment a batch, by this project and by kornia.

    python benchmarks/once/augmentation.py

kornia is not a requirement of the project: ``pip install kornia``. Data: random images, a batch of 128 of 28x28, on the
CPU; the same random affine on both sides (shift 0.1, rotation 10 degrees, shear 5 degrees, zoom 0.1), in turn.

Takes a few seconds.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from fmnist_pl.data.augment import Augment


def main() -> None:
    """Time both and print the ratio."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        import kornia.augmentation as kornia
    except ImportError:
        sys.exit("error: this benchmark compares with kornia: pip install kornia")
    theirs = kornia.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5, p=1.0)
    ours = Augment(shift=0.1, rotation=10, shear=5, zoom=0.1)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(128, 1, 28, 28)
    pairs = []
    for _ in range(6):
        pairs.append((_milliseconds(lambda x: ours(x, generator), images), _milliseconds(theirs, images)))
    counted = pairs[1:]
    here, there = (statistics.median(column) for column in zip(*counted, strict=True))
    ratio = statistics.median(a / b for a, b in counted)
    print(f"here {here:.2f} ms, kornia {there:.2f} ms a batch, ratio {ratio:.3f} (median of {len(counted)} in turn)")


def _milliseconds(augment: Callable[[Tensor], Tensor], images: Tensor, repeats: int = 100) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        augment(images)
    return (time.perf_counter() - start) / repeats * 1000


if __name__ == "__main__":
    main()
