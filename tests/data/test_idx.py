"""Reading one IDX file: what is sound is read, whatever is not is told in one line."""

import gzip
import os
from pathlib import Path

import pytest

from fmnist_pl.data.idx import read_images, read_labels
from fmnist_pl.errors import UserError
from tests.conftest import idx_bytes, images_idx, labels_idx


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_images_plain_and_gzipped_are_the_same(tmp_path: Path, name: str) -> None:
    content = images_idx(3)
    path = write(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content)
    images = read_images(path)
    assert images.shape == (3, 1, 28, 28)
    assert images.flatten().tolist() == list(content[16:])


def test_labels(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path / "labels", labels_idx(12))).tolist() == [*range(10), 0, 1]


GZIPPED = gzip.compress(images_idx(20))
BROKEN_IMAGES = {
    "truncated gzip": ("x.gz", GZIPPED[: len(GZIPPED) // 2], "gzip is truncated or corrupt"),
    "corrupt gzip": ("x.gz", GZIPPED[:60] + b"\xff" * 20 + GZIPPED[80:], "gzip is truncated or corrupt"),
    "no gzip at all": ("x.gz", images_idx(2), "gzip is truncated or corrupt"),
    "empty": ("x", b"", "ends within its header"),
    "end within the header": ("x", images_idx(2)[:10], "ends within its header"),
    "too few pixels": ("x", images_idx(2)[:-1], "truncated: 1,567 of 1,568 bytes"),
    "too many pixels": ("x", images_idx(2) + b"!", "holds more than the 1,568 bytes of its header"),
    "a gzip of more than its header says": ("x.gz", gzip.compress(images_idx(2) + bytes(10**6)), "holds more than"),
    "labels for images": ("x", labels_idx(20), "magic number is 2049, not 2051"),
    "other dimensions": ("x", images_idx(2, side=32), "images are 32x32, not 28x28"),
    "a header of four billion": ("x", idx_bytes(2051, 2**32 - 1, 28, 28, payload=b""), "announces 4,294,967,295 items"),
    "a header of a terabyte": ("x", idx_bytes(2051, 10**6, 1024, 1024, payload=b""), "images are 1024x1024, not 28x28"),
    "a header of huge images": ("x", idx_bytes(2051, 1, 2**31, 2**31, payload=b""), "images are 2147483648x2147483648"),
}


@pytest.mark.parametrize("case", BROKEN_IMAGES)
def test_a_broken_image_file_is_told_in_one_line(tmp_path: Path, case: str) -> None:
    name, content, message = BROKEN_IMAGES[case]
    path = write(tmp_path / name, content)
    with pytest.raises(UserError) as raised:
        read_images(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_label_above_nine(tmp_path: Path) -> None:
    path = write(tmp_path / "labels", idx_bytes(2049, 3, payload=bytes([0, 10, 3])))
    with pytest.raises(UserError, match="holds the label 10; labels are 0 to 9"):
        read_labels(path)


def test_another_digest(tmp_path: Path) -> None:
    path = write(tmp_path / "labels", labels_idx(3))
    with pytest.raises(UserError, match=r"SHA-256 differs.*--data.verify false"):
        read_labels(path, sha256="0" * 64)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read_labels(tmp_path)


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
def test_a_pipe_in_place_of_a_file(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="not a regular file"):
        read_labels(tmp_path / name)
