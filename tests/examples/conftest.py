"""What the tests of the examples share: a PostgreSQL server, and small trainings for every script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.tuning.conftest import QUICK, RATE
from tests.tuning.postgres import find_postgres, serve_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, on this machine."""
    if find_postgres() is None:
        pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")
    with serve_postgres() as url:
        yield url


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the programs and examples of this checkout, and no runs."""
    for name in ("train.py", "tune.py", "examples", "fmnist_pl", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def quick_search(checkout: Path) -> list[str]:
    """Flags of a search whose trials take about two seconds, so that there is time to stop one; without a refit."""
    keys = {"base": "dense.yaml", "space": RATE, "epochs": 40, "overrides": QUICK, "refit": False, "pruner": "none"}
    (checkout / "quick.yaml").write_text(yaml.safe_dump(keys))
    return ["--config", "quick.yaml"]
