"""Which earlier runs count as the refit of a config."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.config import Config
from fmnist_pl.tuning import Search
from fmnist_pl.tuning.dotted_keys import set_keys
from fmnist_pl.tuning.plan import Plan, write_config
from fmnist_pl.tuning.refit import has_recipe, refit
from fmnist_pl.tuning.study import open_study


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


@pytest.mark.parametrize("content", [b"[1, 2]", b"data: 3", b"data: {source: [1]}", b"\xff", b"{", b"a: &a [*a]"])
def test_a_damaged_config_is_no_refit(content: bytes, dense: Config, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    assert not has_recipe(tmp_path, set_keys(dense, {"data.source": "auto"}))


@pytest.mark.parametrize("metrics", ["[]", "{", "3", ""])
def test_damaged_files_of_an_earlier_refit_are_passed_over(
    metrics: str, quick: Callable[..., Search], dense: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(quick(refit=True), dense)
    queue, config = open_study(plan), plan.refit_config(plan.full_config)
    for name in ("version_0", "version_²", "version_x"):
        write_config(config, plan.search.home / "refit" / name / "config.yaml")
        (plan.search.home / "refit" / name / "metrics.json").write_text(metrics)
    monkeypatch.setattr("fmnist_pl.tuning.refit.train", lambda arguments: {"trained": True})
    assert refit(plan, queue, config, best_trial=0) == {"trained": True}
