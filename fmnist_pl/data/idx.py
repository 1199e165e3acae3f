"""Read one IDX file, plain or gzipped, into a tensor, with every value in it checked.

The format: a big-endian magic number (2051 images, 2049 labels), the size of each dimension, then the bytes.
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import torch
from torch import Tensor

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049
MAX_ITEMS = 1_000_000
"""Largest number of images that a header may announce, so that it cannot request unbounded memory."""


def read_images(path: Path, sha256: str | None = None) -> Tensor:
    """Read an IDX image file.

    Args:
        path: The file, plain or gzipped (by its ending ``.gz``).
        sha256: Required digest of the unpacked bytes; ``None`` to accept any.

    Returns:
        uint8 images (N, 1, 28, 28).

    Raises:
        UserError: The file is unreadable or damaged, or its kind, size or digest is wrong.
    """
    return _read(path, IMAGES_MAGIC, (IMAGE_SIZE, IMAGE_SIZE), sha256).view(-1, 1, IMAGE_SIZE, IMAGE_SIZE)


def read_labels(path: Path, sha256: str | None = None) -> Tensor:
    """Read an IDX label file as `read_images` does; returns int64 labels (N,), all of them known classes."""
    labels = _read(path, LABELS_MAGIC, (), sha256)
    if len(labels) and int(labels.max()) >= len(CLASSES):
        raise _broken(path, f"it holds the label {int(labels.max())}; labels are 0 to {len(CLASSES) - 1}")
    return labels.long()


def _read(path: Path, magic: int, item_size: tuple[int, ...], sha256: str | None) -> Tensor:
    """The bytes of a file whose items must be of this size: ``()`` for a label, ``(28, 28)`` for an image."""
    try:
        with _open(path) as file:
            header, count = _read_header(file, path, magic, item_size)
            payload = _read_payload(file, path, count * math.prod(item_size))
    except PermissionError as error:
        raise UserError(f"cannot read {path}: permission denied; make it readable (chmod +r)") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _broken(path, f"the gzip is truncated or corrupt ({error})") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; check the disk and the path") from error
    if sha256 is not None and _digest(header, payload) != sha256:
        raise UserError(
            f"{path} is not the official file (its SHA-256 differs): fetch it again, "
            "or say --data.verify false if these are your own images"
        )
    return torch.frombuffer(payload, dtype=torch.uint8)


def _open(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError(f"cannot read {path}: it is not a regular file; put the IDX file there")
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _read_header(file: BinaryIO, path: Path, magic: int, item_size: tuple[int, ...]) -> tuple[bytes, int]:
    length = 4 * (2 + len(item_size))
    header = file.read(length)
    found = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and found != magic:
        raise _broken(path, f"its magic number is {found}, not {magic}")
    if len(header) < length:
        raise _broken(path, "it ends within its header")
    count, *size = struct.unpack(f">{1 + len(item_size)}I", header[4:])
    if not 0 < count <= MAX_ITEMS:
        raise _broken(path, f"its header announces {count:,} items; 1 to {MAX_ITEMS:,} are read")
    if tuple(size) != item_size:
        raise _broken(path, f"its images are {size[0]}x{size[1]}, not {item_size[0]}x{item_size[1]}")
    return header, count


def _read_payload(file: BinaryIO, path: Path, expected: int) -> bytearray:
    payload = bytearray(file.read(expected))
    if len(payload) < expected:
        raise _broken(path, f"it is truncated: {len(payload):,} of {expected:,} bytes")
    if file.read(1):
        raise _broken(path, f"it holds more than the {expected:,} bytes of its header")
    return payload


def _digest(header: bytes, payload: bytearray) -> str:
    digest = hashlib.sha256(header)
    digest.update(payload)
    return digest.hexdigest()


def _broken(path: Path, what: str) -> UserError:
    return UserError(f"{path} is not a sound IDX file: {what}; fetch it again")
