"""Find the folder that holds the four IDX files, and load it."""

import os
from functools import lru_cache
from pathlib import Path

from fmnist_pl.data import facts
from fmnist_pl.data.idx import read_images, read_labels
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.errors import UserError

ENVIRONMENT_VARIABLE = "FMNIST_DATA"
DEFAULT_FOLDER = Path("data")
TORCHVISION_FOLDER = Path("FashionMNIST", "raw")


def find_folder(root: Path | None) -> Path | None:
    """Find the folder with the four files, in this order: ``root``, ``FMNIST_DATA``, ``./data``.

    Returns:
        The folder, or ``None`` if none was named and ``./data`` lacks a file: then it can be downloaded.

    Raises:
        UserError: A folder was named and does not hold the files.
    """
    named, by = (root, "--data.root") if root else (os.environ.get(ENVIRONMENT_VARIABLE), ENVIRONMENT_VARIABLE)
    for folder in _candidates(Path(named) if named else DEFAULT_FOLDER):
        if not missing_files(folder):
            return folder
    if not named:
        return None
    nearest = min(_candidates(Path(named)), key=lambda folder: len(missing_files(folder)))
    raise UserError(
        f"no Fashion-MNIST in {named} (given by {by}): {', '.join(missing_files(nearest))} not found there, "
        "gzipped or not; name the folder that holds the four IDX files"
    )


def missing_files(folder: Path) -> list[str]:
    """Names of the official files that are missing from a folder, both plain and gzipped.

    Raises:
        UserError: The folder may not be read.
    """
    try:
        present = {path.name.removesuffix(".gz") for path in folder.iterdir()} if folder.is_dir() else set()
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {error.strerror}; make it readable (chmod +rx)") from error
    return [file.name for file in facts.OFFICIAL_FILES if file.name not in present]


def load_folder(folder: Path, verify: bool) -> TrainAndTest:
    """Read and check the four files of a folder; cached until they change.

    Args:
        folder: Holds the four files, each plain or gzipped.
        verify: Whether each must be the official file, by SHA-256.

    Raises:
        UserError: A file is damaged, is not the official one, or does not fit its partner.
    """
    paths = [_path(folder, file) for file in facts.OFFICIAL_FILES]
    return _load_unchanged(folder.absolute(), verify, tuple((path, _version(path)) for path in paths))


@lru_cache(maxsize=1)
def _load_unchanged(
    folder: Path, verify: bool, versions: tuple[tuple[Path, tuple[int, int] | None], ...]
) -> TrainAndTest:
    train = _load_pair(folder, facts.TRAIN_IMAGES, facts.TRAIN_LABELS, verify)
    test = _load_pair(folder, facts.TEST_IMAGES, facts.TEST_LABELS, verify)
    return TrainAndTest(train, test, source="real")


def _load_pair(folder: Path, images: facts.IdxFile, labels: facts.IdxFile, verify: bool) -> LabelledImages:
    pair = LabelledImages(
        read_images(_path(folder, images), images.sha256 if verify else None),
        read_labels(_path(folder, labels), labels.sha256 if verify else None),
    )
    if len(pair.images) != len(pair.labels):
        raise UserError(
            f"{_path(folder, images)} holds {len(pair.images):,} images, but {_path(folder, labels).name} "
            f"{len(pair.labels):,} labels: they do not belong together; fetch both again"
        )
    return pair


def _path(folder: Path, file: facts.IdxFile) -> Path:
    plain = folder / file.name
    return plain if plain.exists() else folder / f"{file.name}.gz"


def _version(path: Path) -> tuple[int, int] | None:
    """Modification time and size of a file, which change with its content."""
    return (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None


def _candidates(root: Path) -> tuple[Path, Path]:
    return root, root / TORCHVISION_FOLDER
