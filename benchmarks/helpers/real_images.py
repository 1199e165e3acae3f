"""The real training images, for benchmarks that accept no others."""

import tempfile
from pathlib import Path

import numpy as np

from fmnist_pl.data.folder import find_folder, load_folder
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.errors import UserError


def real_images() -> LabelledImages:
    """Load the 60,000 official training images.

    Raises:
        UserError: They are not on this machine.
    """
    folder = find_folder(None)
    if folder is None:
        raise UserError("this benchmark needs the real images: set FMNIST_DATA to their folder")
    return load_folder(folder, verify=True).train


def save_arrays(count: int) -> list[str]:
    """Save the first training images (N, 28, 28) and labels as two .npy files, for a Python without torch.

    Returns:
        Their paths, images first.
    """
    train, folder = real_images(), Path(tempfile.mkdtemp())
    paths = [str(folder / "images.npy"), str(folder / "labels.npy")]
    for path, tensor in zip(paths, (train.images[:count, 0], train.labels[:count]), strict=True):
        np.save(path, tensor.numpy())
    return paths
