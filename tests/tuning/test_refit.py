"""Which earlier runs count as the refit of a config."""

from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.config import Config
from fmnist_pl.tuning.dotted_keys import set_keys
from fmnist_pl.tuning.plan import write_config
from fmnist_pl.tuning.refit import has_recipe


@pytest.mark.parametrize(
    ("had", "asked", "same"),
    [
        ({}, {}, True),
        ({}, {"threads": 1, "report": False, "trainer.default_root_dir": "/elsewhere"}, True),
        ({"data.source": "synthetic"}, {"data.source": "auto"}, True),
        ({"data.source": "synthetic"}, {"data.source": "real"}, False),
        ({}, {"optimizer.init_args.lr": 0.5}, False),
        ({}, {"trainer.max_epochs": 3}, False),
    ],
)
def test_a_run_is_the_refit_of_its_recipe(
    had: dict[str, Any], asked: dict[str, Any], same: bool, dense: Config, tmp_path: Path
) -> None:
    write_config(set_keys(dense, had), tmp_path / "config.yaml")
    assert has_recipe(tmp_path, set_keys(dense, asked)) == same


def test_a_run_without_a_config_is_none(dense: Config, tmp_path: Path) -> None:
    assert not has_recipe(tmp_path, dense)
