"""Finding the four files, and fitting them together."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.data.folder import find_folder, load_folder
from fmnist_pl.errors import UserError
from tests.conftest import labels_idx


def test_the_order_is_root_then_environment_then_data(
    idx_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_folder(None) is None
    below = tmp_path / "data/FashionMNIST/raw"
    below.parent.mkdir(parents=True)
    below.symlink_to(idx_folder)
    assert find_folder(None) == Path("data/FashionMNIST/raw")
    (tmp_path / "named").symlink_to(idx_folder)
    monkeypatch.setenv("FMNIST_DATA", str(tmp_path / "named"))
    assert find_folder(None) == tmp_path / "named"
    assert find_folder(idx_folder) == idx_folder


def test_a_named_folder_without_the_files_is_an_error(
    idx_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="given by --data.root"):
        find_folder(tmp_path / "nowhere")
    (idx_folder / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("FMNIST_DATA", str(idx_folder))
    with pytest.raises(UserError, match=r"given by FMNIST_DATA\): t10k-labels-idx1-ubyte not found"):
        find_folder(None)


def test_own_files_load_without_verification(idx_folder: Path) -> None:
    data = load_folder(idx_folder, verify=False)
    assert (len(data.train), len(data.test), data.source) == (200, 50, "real")


def test_own_files_are_not_the_official_ones(idx_folder: Path) -> None:
    with pytest.raises(UserError, match=r"is not the official file.*--data.verify false"):
        load_folder(idx_folder, verify=True)


def test_counts_that_differ(idx_folder: Path) -> None:
    (idx_folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels_idx(199)))
    with pytest.raises(UserError, match=r"200 images, but train-labels-idx1-ubyte.gz 199 labels"):
        load_folder(idx_folder, verify=False)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs users as Unix has them")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_read(idx_folder: Path, what: str) -> None:
    target = idx_folder if what == "folder" else idx_folder / "train-labels-idx1-ubyte.gz"
    target.chmod(0)
    was_root = os.geteuid() == 0
    for folder in idx_folder.parents[:3] if was_root else ():
        folder.chmod(folder.stat().st_mode | 0o055)
    if was_root:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(UserError, match="make it readable"):
            find_folder(idx_folder)
            load_folder(idx_folder, verify=False)
    finally:
        if was_root:
            os.seteuid(0)
        target.chmod(0o755)


def test_files_are_read_once_until_they_change(idx_folder: Path) -> None:
    first = load_folder(idx_folder, verify=False)
    assert load_folder(idx_folder, verify=False) is first, "a search loads them once, not once a trial"
    (idx_folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels_idx(200)[:-200] + bytes(200)))
    assert load_folder(idx_folder, verify=False).train.labels.sum() == 0


def test_training_on_own_files(fit: Callable[..., dict[str, Any]], idx_folder: Path) -> None:
    metrics = fit("--data.source", "real", "--data.root", str(idx_folder), "--data.verify", "false")
    assert metrics["data_source"] == "real"
    assert 0 <= metrics["test"]["acc"] <= 1
