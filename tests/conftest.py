"""What the tests share: small synthetic runs through the real entry points, and a folder of IDX files."""

import gzip
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.data.facts import OFFICIAL_FILES

ROOT = Path(__file__).parents[1]

# in the background of a shell Ctrl-C is ignored, and would be by the programs that are tested
signal.signal(signal.SIGINT, signal.default_int_handler)

# tests that run beside each other share the cores, and so do the programs that they start
BESIDE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if BESIDE > 1:
    torch.set_num_threads(max((os.cpu_count() or 1) // BESIDE, 1))
    os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())

SMALL = [
    "--data.source", "synthetic", "--data.synthetic_size", "600",
    "--trainer.enable_model_summary", "false", "--trainer.accelerator", "cpu",
]  # fmt: skip
"""A run of seconds: 540 drawn training images, on the CPU wherever the tests run."""


NO_PICTURES = ["--report", "false", "--live_pictures", "false"]
"""For fits that are not about pictures: they would take longer than the training."""


@pytest.fixture(autouse=True)
def _no_data_by_accident(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The real images are for the tests that say so; nor does a test use a database that it does not name."""
    monkeypatch.delenv("FMNIST_STORAGE", raising=False)
    if "real" not in request.keywords:
        monkeypatch.delenv("FMNIST_DATA", raising=False)


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Train on a few synthetic images, in this process, with the runs below ``tmp_path``: returns the metrics."""
    from fmnist_pl.training import train

    def run(*arguments: str, config: str = "dense.yaml", epochs: int = 1, command: str = "fit") -> dict[str, Any]:
        common = ["--config", config, *SMALL, "--trainer.default_root_dir", str(tmp_path), *NO_PICTURES]
        return train([command, *common, "--trainer.max_epochs", str(epochs), *arguments])

    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``train.py`` as a user does, in an empty folder."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
            env={**{k: v for k, v in os.environ.items() if k != "FMNIST_DATA"}, **environment},
        )

    return run


def idx_bytes(magic: int, *dimensions: int, payload: bytes) -> bytes:
    """An IDX file with this header and these bytes."""
    return struct.pack(f">{1 + len(dimensions)}I", magic, *dimensions) + payload


def images_idx(count: int, side: int = 28) -> bytes:
    return idx_bytes(2051, count, side, side, payload=bytes(i % 251 for i in range(count * side * side)))


def labels_idx(count: int) -> bytes:
    return idx_bytes(2049, count, payload=bytes(i % 10 for i in range(count)))


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """A folder of four sound files, not the official ones: 200 training and 50 test images; labels gzipped."""
    folder = tmp_path / "own"
    folder.mkdir()
    for file in OFFICIAL_FILES:
        count = 200 if file.name.startswith("train") else 50
        if "images" in file.name:
            (folder / file.name).write_bytes(images_idx(count))
        else:
            (folder / f"{file.name}.gz").write_bytes(gzip.compress(labels_idx(count)))
    return folder


def run_folder(root: Path, name: str = "dense", version: int = 0) -> Path:
    return root / name / f"version_{version}"


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]
