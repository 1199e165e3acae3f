"""Photos: every allowed format gives the same image, a hostile file one clear line; memory is bounded."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fmnist_pl.errors import UserError
from fmnist_pl.photos.decode import decode_photo, read_photo
from fmnist_pl.photos.files import find_photos
from fmnist_pl.photos.prepare import prepare
from tests.conftest import ROOT
from tests.photos.sample_files import HOSTILE, SOUND, encoded, png, shirt, turned


def seen(content: bytes) -> torch.Tensor:
    return prepare(decode_photo(content))


def shape(image: torch.Tensor) -> torch.Tensor:
    return image > 30


@pytest.mark.parametrize("kind", SOUND)
def test_every_allowed_kind_shows_the_same(kind: str) -> None:
    image, expected = seen(SOUND[kind]()), seen(encoded(shirt()))
    assert (image.dtype, image.shape) == (torch.uint8, (28, 28))
    assert (shape(image) != shape(expected)).float().mean() < 0.04, "but for the softened rim"
    if kind not in ("on black", "on blue", "tiny"):
        assert (image.int() - expected.int()).abs().float().mean() < 10


def test_the_object_is_trimmed_centred_bright_and_upright() -> None:
    thing = shape(seen(encoded(shirt())))
    rows, columns = thing.any(1).nonzero()[:, 0], thing.any(0).nonzero()[:, 0]
    assert (rows.min(), rows.max()) == (0, 27), "the longest edge is 28"
    assert abs(columns.min() - (27 - columns.max())) <= 1
    assert thing[2].sum() > 2 * thing[25].sum(), "the bar of the T is above"


@pytest.mark.parametrize(
    ("orientation", "by"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_the_exif_orientation_is_applied(orientation: int, by: Image.Transpose | None) -> None:
    assert (shape(seen(turned(orientation, by))) != shape(seen(encoded(shirt())))).float().mean() < 0.04
    if by is not None:
        ignored = shape(seen(encoded(shirt().transpose(by))))
        assert (ignored != shape(seen(encoded(shirt())))).float().mean() > 0.1, "this test can fail"


def test_an_image_of_the_data_set_passes_as_it_is() -> None:
    image = torch.zeros(28, 28, dtype=torch.uint8)
    image[:, 7:21] = torch.arange(40, 236, 14, dtype=torch.uint8)
    assert torch.equal(seen(encoded(Image.fromarray(image.numpy()))), image)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (90, 120, 90)])
def test_an_empty_background_is_black(colour: tuple[int, int, int]) -> None:
    assert seen(encoded(Image.new("RGB", (300, 200), colour))).max() == 0


def test_wholly_transparent_is_black() -> None:
    assert seen(encoded(Image.new("RGBA", (30, 30), (200, 10, 10, 0)))).max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 2)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    assert seen(encoded(Image.fromarray(noise))).shape == (28, 28)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line(kind: str) -> None:
    make, message = HOSTILE[kind]
    with pytest.raises(UserError, match=message) as raised:
        decode_photo(make())
    assert "\n" not in str(raised.value)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Memory for the largest allowed photo and for a decompression bomb."""
    (tmp_path / "large.png").write_bytes(encoded(Image.new("RGB", (8000, 4000), "white"), compress_level=1))
    (tmp_path / "bomb.png").write_bytes(png(100_000, 100_000))
    program = """
import resource, sys
from pathlib import Path
from fmnist_pl.errors import UserError
from fmnist_pl.photos.decode import read_photo
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(Path, sys.argv[1:]):
    try:
        read_photo(path)
    except UserError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    paths = [str(tmp_path / name) for name in ("large.png", "bomb.png")]
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, cwd=ROOT, timeout=60)
    said, megabytes = done.stdout.splitlines()
    assert "32,000,000 pixels" in said
    assert int(megabytes) < 600


def test_what_is_not_a_regular_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_photo(tmp_path / "nowhere.png")
    with pytest.raises(UserError, match="not a regular file"):
        read_photo(tmp_path)


def test_a_file_a_folder_a_pattern(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", ".hidden.png", "[1].png", "deep/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    names = lambda path: [found.name for found in find_photos(str(path))]  # noqa: E731
    assert names(tmp_path) == ["[1].png", "a.jpg", "b.png"]
    assert names(tmp_path / "b.png") == ["b.png"]
    assert names(tmp_path / "[1].png") == ["[1].png"], "a name that looks like a pattern"
    assert names(tmp_path / "**/*.png") == ["[1].png", "b.png", "c.png"]
    with pytest.raises(UserError, match=r"no photo at .*predict_path"):
        find_photos(str(tmp_path / "*.webp"))
