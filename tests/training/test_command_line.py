"""The command line itself: help, names of configs, what it prints."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.config import find_config
from fmnist_pl.training import main
from fmnist_pl.training.arguments import complete, last_value
from tests.conftest import NO_PICTURES, SMALL


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("fit", "validate", "test", "predict"):
        assert re.search(rf"^    {command} ", text, re.MULTILINE)


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_help_explains_every_option_of_ours(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    options = re.findall(
        r"^  (--(?:data|name|optimizer|lr_scheduler|test_after_fit)\S*)([^\n]*\n(?: {8,}[^\n]*\n)*)", text, re.M
    )
    assert len(options) > 15
    for name, explanation in options:
        words = re.sub(r"\(type:.*|\(required.*", "", " ".join(explanation.split()))
        assert len(words.split()) >= 3, f"{name} lacks an explanation: {explanation!r}"


@pytest.mark.parametrize("model", ["DenseClassifier", "CNNClassifier", "TunerCNNClassifier"])
def test_help_explains_every_option_of_a_model(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", f"--model.help={model}"])
    text = capsys.readouterr().out
    assert "--model.label_smoothing" in text, "what all models share is there too"
    for name, explanation in re.findall(r"^  (--model\.\S+)([^\n]*\n(?: {8,}[^\n]*\n)*)", text, re.M):
        words = re.sub(r"\(type:.*", "", " ".join(explanation.split()))
        assert len(words.split()) >= 3, f"{name} lacks an explanation"


def test_print_config_is_a_config(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--config", "dense.yaml", "--model.dropout", "0.25", "--print_config"])
    path = tmp_path / "printed.yaml"
    path.write_text(capsys.readouterr().out)
    small = [*SMALL, *NO_PICTURES, "--trainer.max_epochs", "1", "--trainer.default_root_dir", str(tmp_path)]
    assert main(["fit", "--config", str(path), *small]) == 0
    assert (tmp_path / "dense/version_0/config.yaml").exists(), "the name is in the config"


def test_configs_are_looked_up_as_given_then_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    by_name = find_config("dense.yaml")
    assert by_name == find_config("dense")
    assert by_name.parent.name == "configs"
    (tmp_path / "dense.yaml").write_text("model: DenseClassifier\n")
    assert find_config("dense.yaml") == Path("dense.yaml")


def test_the_first_config_names_the_run() -> None:
    arguments, name = complete("fit", ["--config=dense.yaml", "--config", "cnn"])
    assert name == "dense"
    assert [Path(path).name for path in arguments[1::2]] == ["dense.yaml", "cnn.yaml"]


def test_the_last_value_of_a_key_counts(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("ckpt_path: a.ckpt\ndata: {predict_path: photos}\n")
    config = ["--config", str(path)]
    assert last_value(config, "ckpt_path") == "a.ckpt"
    assert last_value(config, "data.predict_path") == "photos"
    assert last_value([*config, "--ckpt_path", "b.ckpt"], "ckpt_path") == "b.ckpt"
    assert last_value(["--ckpt_path", "b.ckpt", *config], "ckpt_path") == "a.ckpt"
    assert last_value(config, "data.root") is None


def test_plain_lines_where_there_is_no_terminal(program: Callable[..., Any]) -> None:
    done = program("fit", "--config", "dense.yaml", "--trainer.max_epochs", "2", *SMALL)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("fit dense: synthetic images, 1 x ")
    assert "\r" not in done.stdout + done.stderr
    assert sum(line.startswith("epoch ") for line in lines) == 2
    assert done.stderr == "", "no warnings, no noise"
