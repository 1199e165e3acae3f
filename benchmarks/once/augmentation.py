"""What augmenting a batch costs, here and with kornia, in turn: ``python benchmarks/augmentation.py``.

kornia belongs to no requirement of the project: ``pip install kornia`` to measure its side. The same random affine
(shift 0.1, rotation 10 degrees, shear 5 degrees, zoom 0.1), batches of 128 images of 28x28 on the CPU.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from fmnist_pl.data.augment import Augment


def main() -> None:
    try:
        import kornia.augmentation as kornia
    except ImportError:
        sys.exit("error: the other side is kornia: pip install kornia")
    theirs = kornia.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5, p=1.0)
    ours = Augment(shift=0.1, rotation=10, shear=5, zoom=0.1)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(128, 1, 28, 28)
    pairs = []
    for _ in range(6):
        pairs.append((_milliseconds(lambda x: ours(x, generator), images), _milliseconds(theirs, images)))
    counted = pairs[1:]
    here, there = (statistics.median(side) for side in zip(*counted, strict=True))
    ratio = statistics.median(a / b for a, b in counted)
    print(f"here {here:.2f} ms, kornia {there:.2f} ms a batch, ratio {ratio:.3f} (median of {len(counted)} in turn)")


def _milliseconds(change: Callable[[Tensor], Tensor], images: Tensor, repeats: int = 100) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        change(images)
    return (time.perf_counter() - start) / repeats * 1000


if __name__ == "__main__":
    main()
