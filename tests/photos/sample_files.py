"""Sample photo files for the tests, valid and hostile; a helper, not a test."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

GREEN = (40, 120, 60)


def shirt(size: int = 200, ground: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """A bar with a stem at its right end, off the middle, so that every rotation and mirroring changes it."""
    pixels = np.full((size, size, 3), ground, dtype=np.uint8)
    unit = size // 20
    pixels[2 * unit : 6 * unit, unit : 13 * unit] = GREEN
    pixels[6 * unit : 14 * unit, 8 * unit : 13 * unit] = GREEN
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A grey PNG whose header says this size, whatever its data holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sixteen_bit() -> bytes:
    grey = np.asarray(shirt().convert("L")).astype(np.uint16) * 256
    return encoded(Image.fromarray(grey))


def palette_with_transparency() -> bytes:
    pixels = np.asarray(shirt())[..., 0] < 255
    image = Image.new("P", (200, 200))
    image.putdata(pixels.astype(int).reshape(-1).tolist())
    image.putpalette([0, 0, 0, *GREEN])
    return encoded(image, transparency=0)


def animated(kind: str) -> bytes:
    other = Image.new("RGB", (200, 200), "red")
    return encoded(shirt(), kind, save_all=True, append_images=[other, other])


def turned(orientation: int, by: Image.Transpose | None) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(shirt() if by is None else shirt().transpose(by), "JPEG", quality=95, exif=exif)


SOUND = {
    "png": lambda: encoded(shirt()),
    "jpeg": lambda: encoded(shirt(), "JPEG", quality=95),
    "webp": lambda: encoded(shirt(), "WEBP", lossless=True),
    "bmp": lambda: encoded(shirt(), "BMP"),
    "grey": lambda: encoded(shirt().convert("L")),
    "16 bit": sixteen_bit,
    "alpha": lambda: encoded(_cut_out()),
    "palette": lambda: encoded(shirt().quantize(4)),
    "palette with transparency": palette_with_transparency,
    "cmyk": lambda: encoded(shirt().convert("CMYK"), "JPEG", quality=95),
    "animated png": lambda: animated("PNG"),
    "animated webp": lambda: animated("WEBP"),
    "on black": lambda: encoded(shirt(ground=(0, 0, 0))),
    "on blue": lambda: encoded(shirt(ground=(150, 170, 230))),
    "huge": lambda: encoded(shirt(5000)),
    "tiny": lambda: encoded(shirt(20)),
    "broken exif": lambda: encoded(shirt(), "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"),
}
"""Photos of the same object in every allowed format."""

HOSTILE = {
    "bomb by its header": (lambda: png(100_000, 100_000), r"more than 32,000,000 pixels"),
    "just too many pixels": (lambda: png(8_000, 4_001), r"8000 x 4001 pixels.* 32,000,000"),
    "truncated": (lambda: encoded(shirt(), "JPEG", quality=95)[:-400], r"truncated or broken"),
    "truncated png": (lambda: png(200, 200, b"\x00" * 500), r"truncated or broken"),
    "only a signature": (lambda: b"\x89PNG\r\n\x1a\n", r"PNG, JPEG, WebP or BMP|header is broken"),
    "zero bytes": (lambda: b"", r"empty \(0 bytes\)"),
    "text": (lambda: b"a shirt, I swear", r"PNG, JPEG, WebP or BMP"),
    "eps": (lambda: encoded(shirt(), "EPS"), r"PNG, JPEG, WebP or BMP"),
    "gif": (lambda: encoded(shirt(), "GIF"), r"PNG, JPEG, WebP or BMP"),
    "too many bytes": (lambda: encoded(shirt()) + bytes(21 * 2**20), r"20 MB"),
    "text bomb": (lambda: _with_text_bomb(), r"header is broken|truncated or broken"),
}  # fmt: skip
"""Content of a file, and a pattern of its error message."""


def _cut_out() -> Image.Image:
    image = shirt(ground=(255, 0, 255)).convert("RGBA")
    pixels = np.array(image)
    pixels[..., 3] = np.where(pixels[..., 0] == 255, 0, 255)
    return Image.fromarray(pixels)


def _with_text_bomb() -> bytes:
    """A PNG with a compressed text of 200 MB before its pixels."""
    sound = encoded(shirt())
    data = b"Comment\x00\x00" + zlib.compress(bytes(200 * 2**20))
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return sound[:33] + chunk + sound[33:]
