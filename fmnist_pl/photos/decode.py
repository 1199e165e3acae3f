"""Decode an untrusted photo file in bounded time and memory.

The format is detected from the content, not from the file name. The number of bytes and pixels is checked before a
pixel is decoded. Of an animation the first frame is used.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fmnist_pl.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 32_000_000  # a 24-megapixel camera passes; Pillow alone decodes up to 179 million pixels
WORKING_SIDE = 560  # photos are shrunk to this longest side, 20 times that of an image
ORIENTATION = 0x0112  # EXIF tag


def read_photo(path: Path) -> Image.Image:
    """Read a photo file.

    Returns:
        Mode RGBA, upright, longest side at most `WORKING_SIDE`.

    Raises:
        UserError: The file cannot be read, is too large, broken, or not a photo; the message leaves out the path.
    """
    try:
        if not path.is_file():
            raise UserError("there is no such file" if not path.exists() else "it is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"it cannot be read: {(error.strerror or str(error)).lower()}") from error
    return decode_photo(content)


def decode_photo(content: bytes) -> Image.Image:
    """Decode the bytes of a photo file; result and errors are those of `read_photo`."""
    if not content:
        raise UserError("it is empty (0 bytes)")
    if len(content) > MAX_BYTES:
        raise UserError(f"it is larger than {MAX_BYTES // 2**20} MB: export it smaller")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the errors below report what is wrong with a file
        with _open(content) as image:
            _check_size(*image.size)
            try:
                if image.mode in ("L", "RGB"):
                    image.draft(image.mode, (WORKING_SIDE, WORKING_SIDE))  # decodes a JPEG at a fraction of its size
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
        raise UserError("it is not a PNG, JPEG, WebP or BMP file: export it as one of these") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"it has more than {MAX_PIXELS:,} pixels: export it smaller") from error
    except Exception as error:
        raise UserError(f"its header is broken ({_reason(error)})") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UserError(f"it has {width} x {height} pixels; the limit is {MAX_PIXELS:,}: export it smaller")
    if width * height == 0:
        raise UserError(f"it has no pixels ({width} x {height})")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert to a mode with 8 bits per channel that can be resized, with transparency if there is any."""
    if image.mode.startswith("I"):  # grey with 16 bits; Pillow's own conversion clips all values above 255
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    transparent = "A" in image.getbands() or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")


def _upright(small: Image.Image, original: Image.Image) -> Image.Image:
    """Rotate or mirror as the EXIF orientation says; unchanged if it cannot be read."""
    try:
        small.getexif()[ORIENTATION] = original.getexif().get(ORIENTATION, 1)
        return ImageOps.exif_transpose(small)
    except Exception:  # EXIF data may hold any bytes
        return small


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
