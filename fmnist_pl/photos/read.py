"""Read one photo, trust nothing that it says, and take bounded time and memory over it.

The kind of a file is told by its content, never by its name; size and number of pixels are looked at before a pixel is
decoded. Of an animation the first frame is taken, as viewers show it.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fmnist_pl.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 32_000_000
"""A 24-megapixel camera passes; Pillow alone would decode up to 179 million pixels."""

WORKING_SIDE = 560
"""Photos are shrunk to this longest side, 20 times that of the images they become."""


def read_photo(path: Path) -> Image.Image:
    """Read a photo file.

    Returns:
        Mode RGBA, upright, its longest side at most `WORKING_SIDE`.

    Raises:
        UserError: It cannot be read, is too large, of another kind, or broken; the message leaves out the path.
    """
    try:
        if not path.is_file():
            raise UserError("there is no such file" if not path.exists() else "it is no plain file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"it cannot be read: {(error.strerror or str(error)).lower()}") from error
    return decode_photo(content)


def decode_photo(content: bytes) -> Image.Image:
    """As `read_photo`, from the bytes of a file."""
    if not content:
        raise UserError("it is empty (0 bytes)")
    if len(content) > MAX_BYTES:
        raise UserError(f"it is above {MAX_BYTES // 2**20} MB: export it smaller")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is amiss with a file is told below, once
        with _open(content) as image:
            _check_size(*image.size)
            try:
                if image.mode in ("L", "RGB"):
                    image.draft(image.mode, (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded at a part of its size
                image.load()
            except Exception as error:  # decoders raise many kinds for a broken file
                raise UserError(f"it is truncated or broken ({_reason(error)})") from error
            small = _eight_bit(image)
            small.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
            return _upright(small, image).convert("RGBA")


def _open(content: bytes) -> Image.Image:
    """Read the header."""
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UserError("it is no PNG, JPEG, WebP or BMP picture: export it as one of these") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"it has more than {MAX_PIXELS:,} pixels: export it smaller") from error
    except Exception as error:
        raise UserError(f"its header is broken ({_reason(error)})") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UserError(f"it has {width} x {height} pixels; {MAX_PIXELS:,} are allowed: export it smaller")
    if width * height == 0:
        raise UserError(f"it has no pixels ({width} x {height})")


def _eight_bit(image: Image.Image) -> Image.Image:
    """In a mode of 8 bits a channel that can be shrunk, with its transparency."""
    if image.mode.startswith("I"):  # 16 bits, grey; Pillow's own conversion would cut off all above 255
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    transparent = "A" in image.getbands() or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")


def _upright(small: Image.Image, original: Image.Image) -> Image.Image:
    """Turned as the camera's note in the file says (EXIF); as it lies where that note cannot be read."""
    try:
        small.getexif()[_ORIENTATION] = original.getexif().get(_ORIENTATION, 1)
        return ImageOps.exif_transpose(small)
    except Exception:  # any bytes may stand there
        return small


_ORIENTATION = 0x0112


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
