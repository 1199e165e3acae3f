"""Read one IDX file, plain or gzipped, into a tensor, and trust nothing that it says.

The format: a big-endian magic number (2051 images, 2049 labels), the size of each dimension, then the bytes.
"""

import gzip
import hashlib
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
"""The most images that a file may announce: a header is not trusted to size a read without bound."""


def read_images(path: Path, sha256: str | None = None) -> Tensor:
    """Read an IDX image file.

    Args:
        path: The file, plain or gzipped (by its ending ``.gz``).
        sha256: The digest that the unpacked bytes must have; ``None`` to take any.

    Returns:
        uint8 images (N, 1, 28, 28).

    Raises:
        UserError: The file is unreadable, broken, of another kind or size, or of another digest.
    """
    dimensions, pixels = _read(path, IMAGES_MAGIC, dimensions=3, sha256=sha256)
    if dimensions[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise _broken(path, f"its images are {dimensions[1]}x{dimensions[2]}, not {IMAGE_SIZE}x{IMAGE_SIZE}")
    return pixels.view(-1, 1, IMAGE_SIZE, IMAGE_SIZE)


def read_labels(path: Path, sha256: str | None = None) -> Tensor:
    """Read an IDX label file; as `read_images`, but returns int64 labels (N,), all of them known classes."""
    _, labels = _read(path, LABELS_MAGIC, dimensions=1, sha256=sha256)
    if len(labels) and int(labels.max()) >= len(CLASSES):
        raise _broken(path, f"it holds the label {int(labels.max())}; labels are 0 to {len(CLASSES) - 1}")
    return labels.long()


def _read(path: Path, magic: int, dimensions: int, sha256: str | None) -> tuple[tuple[int, ...], Tensor]:
    try:
        with _open(path) as file:
            header, sizes = _read_header(file, path, magic, dimensions)
            payload = _read_payload(file, path, sizes)
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
    return sizes, torch.frombuffer(payload, dtype=torch.uint8)


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _read_header(file: BinaryIO, path: Path, magic: int, dimensions: int) -> tuple[bytes, tuple[int, ...]]:
    header = file.read(4 + 4 * dimensions)
    found = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and found != magic:
        raise _broken(path, f"its magic number is {found}, not {magic}")
    if len(header) < 4 + 4 * dimensions:
        raise _broken(path, "it ends within its header")
    sizes = struct.unpack(f">{dimensions}I", header[4:])
    if not 0 < sizes[0] <= MAX_ITEMS:
        raise _broken(path, f"its header announces {sizes[0]:,} items; 1 to {MAX_ITEMS:,} are read")
    if any(size > 1024 for size in sizes[1:]):
        raise _broken(path, f"its header announces images of {sizes[1]}x{sizes[2]} pixels")
    return header, sizes


def _read_payload(file: BinaryIO, path: Path, sizes: tuple[int, ...]) -> bytearray:
    expected = 1
    for size in sizes:
        expected *= size
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
