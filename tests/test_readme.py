"""What the README tells people to type is what there is."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest
import yaml

from fmnist_pl.config import find_config
from fmnist_pl.data.synthetic import draw
from fmnist_pl.networks.saved import Checkpoint
from fmnist_pl.reporting.__main__ import main as reporting
from fmnist_pl.training.arguments import complete
from fmnist_pl.training.options import ParsedOptions
from fmnist_pl.tuning import Search
from fmnist_pl.tuning.command_line import parse
from fmnist_pl.tuning.plan import Plan, base_config, check_plan
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = "\n".join(page.read_text() for page in PAGES).replace("\\\n", " ")


def commands(program: str) -> list[str]:
    """What the pages tell people to type after ``program``."""
    return sorted(set(re.findall(rf"^python {re.escape(program)} (.*?)(?:\s+#.*)?$", TEXTS, re.MULTILINE)))


SEARCHES, COMMANDS, REPORTING = (commands(name) for name in ("tune.py", "train.py", "-m fmnist_pl.reporting"))
BENCHMARKS = sorted(set(re.findall(r"^python benchmarks/(.*?)(?:\s+#.*)?$", TEXTS, re.MULTILINE)))


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5
    assert len(SEARCHES) >= 5
    assert len(REPORTING) >= 2
    assert len(BENCHMARKS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_parse(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = shlex.split(command)
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "examples/own_network"))
    saved = Checkpoint(Path("best.ckpt"), _config_of_a_run(), {}, 0, [])
    monkeypatch.setattr("fmnist_pl.training.arguments.read_checkpoint", lambda path: saved)
    with contextlib.suppress(SystemExit):  # of --help and --print_config
        ParsedOptions(arguments[0], arguments[1:])


@pytest.mark.parametrize("command", REPORTING)
def test_the_commands_of_reporting_do_their_work(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for run in (argument for argument in shlex.split(command) if argument.startswith("runs/")):
        (tmp_path / run / "version_0").mkdir(parents=True)
        (tmp_path / run / "version_0/metrics.json").write_text('{"data_source": "real"}')
        (tmp_path / run / "version_0/config.yaml").write_text("seed_everything: 0\n")
    monkeypatch.setattr("fmnist_pl.reporting.robustness.load", lambda *_, **__: draw(60, 0))
    few = ["--data.source", "synthetic", "--data.synthetic_size", "60"] if command.startswith("data") else []
    assert reporting([*shlex.split(command), *few]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", SEARCHES)
def test_the_searches_parse(command: str) -> None:
    parse(shlex.split(command))


@pytest.mark.parametrize("command", BENCHMARKS)
def test_the_benchmarks_are_there_and_know_their_flags(command: str) -> None:
    script, *arguments = shlex.split(command)
    source = (ROOT / "benchmarks" / script).read_text()
    compile(source, script, "exec")
    for flag in (argument for argument in arguments if re.fullmatch(r"--[\w-]+", argument)):
        assert f'"{flag}"' in source


def test_the_search_of_ones_own_is_sound() -> None:
    written = next(block for block in re.findall(r"```yaml\n(.*?)```", TEXTS, re.DOTALL) if "space:" in block)
    keys = yaml.safe_load(written)
    search = Search(**keys)
    check_plan(Plan(search, base_config(search)))


def test_every_picture_is_there() -> None:
    for page in PAGES:
        for path in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text()):
            assert (page.parent / path).stat().st_size < 500_000


def _config_of_a_run() -> dict:
    cnn = yaml.safe_load(find_config("cnn.yaml").read_text())
    keys = {"name": "cnn", "seed_everything": 0, "data": {}, "optimizer": None, "lr_scheduler": None} | cnn
    keys["trainer"] = keys.get("trainer", {}) | {"precision": None}
    return {key: value for key, value in keys.items() if value is not None}


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in TEXTS


def test_every_config_is_named() -> None:
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert path.stem in TEXTS


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake (\w+)", README)) - {"and"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_every_benchmark_named_is_there() -> None:
    named = set(re.findall(r"benchmarks/[\w/]+\.py", TEXTS))
    assert named
    for path in named:
        assert (ROOT / path).exists()
    for path in (ROOT / "benchmarks").glob("*.py"):
        assert f"benchmarks/{path.name}" in TEXTS, "a measurement that nobody finds"


def test_a_name_without_config_is_the_configs() -> None:
    assert complete("fit", ["--config", "cnn"])[1] == "cnn"
