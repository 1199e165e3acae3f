"""A few checks on the real images, where FMNIST_DATA says where they are."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
import torch

from fmnist_pl.data import facts
from fmnist_pl.data.folder import find_folder, load_folder
from fmnist_pl.data.split import split
from fmnist_pl.errors import UserError
from fmnist_pl.training import train
from tests.conftest import NO_PICTURES

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif("FMNIST_DATA" not in os.environ, reason="the real images are not here: set FMNIST_DATA"),
]


@pytest.fixture
def folder() -> Path:
    found = find_folder(None)
    assert found is not None
    return found


def test_the_official_files(folder: Path) -> None:
    data = load_folder(folder, verify=True)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert torch.bincount(data.train.labels).tolist() == [6_000] * 10
    pixels = data.train.images.float() / 255
    assert pixels.mean().item() == pytest.approx(facts.PIXEL_MEAN, abs=1e-4)
    assert pixels.std().item() == pytest.approx(facts.PIXEL_STD, abs=1e-4)
    train_part, val_part = split(data.train.labels, seed=0)
    assert torch.bincount(data.train.labels[val_part]).tolist() == [600] * 10
    assert len(train_part) == 54_000


def test_one_changed_pixel_is_found(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.suffix == ".gz":
            shutil.copy(path, tmp_path)
    victim = tmp_path / f"{facts.TEST_IMAGES.name}.gz"
    content = bytearray(gzip.decompress(victim.read_bytes()))
    content[5_000] ^= 1
    victim.write_bytes(gzip.compress(bytes(content), compresslevel=1))
    with pytest.raises(UserError, match="SHA-256 differs"):
        load_folder(tmp_path, verify=True)


def test_a_short_training_learns(tmp_path: Path) -> None:
    metrics = train(
        ["fit", "--config", "dense.yaml", "--trainer.max_epochs", "1", "--data.train_limit", "6000"]
        + ["--trainer.default_root_dir", str(tmp_path), "--trainer.enable_model_summary", "false", *NO_PICTURES]
    )
    assert metrics["data_source"] == "real"
    assert metrics["test"]["acc"] > 0.7
    assert round(metrics["test"]["acc"] * 10_000, 3) == int(round(metrics["test"]["acc"] * 10_000, 3))
