"""Find the photos of a path and load them as images."""

import glob
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fmnist_pl.errors import UserError
from fmnist_pl.photos.decode import read_photo
from fmnist_pl.photos.prepare import prepare


@dataclass(frozen=True)
class Photos:
    """Photos as images, sorted by path."""

    paths: list[Path]
    images: Tensor
    """uint8 (N, 1, 28, 28), one per path."""

    refused: dict[Path, str]
    """Files that could not be read as photos, and the reasons."""


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
        others = f" ({len(refused) - 1} other files failed too)" if len(refused) > 1 else ""
        raise UserError(f"{first} is not a photo: {reason}{others}")
    return Photos(list(images), torch.stack(list(images.values())).unsqueeze(1), refused)


def find_photos(path: str) -> list[Path]:
    """List the files of a path, sorted.

    Args:
        path: A file; a folder (its visible files, without subfolders); or a pattern (``my/**/*.jpg``).

    Raises:
        UserError: There are none.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        found = [file for file in place.iterdir() if not file.name.startswith(".") and not file.is_dir()]
    elif place.exists():
        found = [place]
    else:
        matches = glob.glob(str(place), recursive=True)  # noqa: PTH207  (Path.glob takes no absolute pattern)
        found = [Path(match) for match in matches if not Path(match).is_dir()]
    if not found:
        raise UserError(f"no photo at {path}: give --data.predict_path a file, a folder of files or a pattern (*.jpg)")
    return sorted(found)
