"""What the tests of exports share: a small run to export."""

import shutil
from pathlib import Path

import pytest

from fmnist_pl.training import train
from tests.conftest import NO_PICTURES, SMALL, run_folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of one epoch."""
    root = tmp_path_factory.mktemp("runs")
    options = ["--trainer.default_root_dir", str(root), "--trainer.max_epochs", "1", *SMALL, *NO_PICTURES]
    train(["fit", "--config", "dense.yaml", *options])
    return run_folder(root)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to change."""
    return Path(shutil.copytree(trained, tmp_path / "dense/version_0"))
