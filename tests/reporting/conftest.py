"""One small run with everything that a report shows, shared by the tests."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import SMALL


class Reported(NamedTuple):
    """A run with its report."""

    root: Path
    folder: Path
    metrics: dict[str, Any]


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """Three epochs of a small CNN with augmentation, histograms, and figures after each epoch."""
    from fmnist_pl.training import train

    root = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fmnist_pl.training.callbacks.tensorboard.TIME_FRACTION", float("inf"))
        metrics = train(
            ["fit", "--config", "cnn.yaml", *SMALL, "--trainer.max_epochs", "3"]
            + ["--trainer.default_root_dir", str(root), "--data.batch_size", "60", "--histograms", "true"]
            + ["--model.blocks", "[[4], [8]]", "--data.augment.rotation", "10", "--data.augment.cutmix", "0.2"]
        )
    return Reported(root, root / "cnn/version_0", metrics)
