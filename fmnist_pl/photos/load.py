"""All photos of a path, ready for a network, and those that could not be read."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fmnist_pl.errors import UserError
from fmnist_pl.photos.find import find_photos
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.photos.read import read_photo


@dataclass(frozen=True)
class Photos:
    """Photos as images, in the order of their names."""

    paths: list[Path]
    images: Tensor
    """uint8 (N, 1, 28, 28), one for each path."""

    refused: dict[Path, str]
    """Why each of the other files is none."""


def load_photos(path: str) -> Photos:
    """Read and prepare all photos of a file, a folder or a pattern.

    Raises:
        UserError: There are no files, or none of them is a photo.
    """
    images: dict[Path, Tensor] = {}
    refused: dict[Path, str] = {}
    for file in find_photos(path):
        try:
            images[file] = prepare(read_photo(file))
        except UserError as error:
            refused[file] = str(error)
    if not images:
        first, reason = next(iter(refused.items()))
        others = f" (nor are {len(refused) - 1} others)" if len(refused) > 1 else ""
        raise UserError(f"{first} is no photo: {reason}{others}")
    return Photos(list(images), torch.stack(list(images.values())).unsqueeze(1), refused)
