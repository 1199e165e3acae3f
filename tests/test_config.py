"""One reader for YAML, with limits; one rule for names."""

import os
from pathlib import Path

import pytest

from fmnist_pl.config import check_name, read_yaml
from fmnist_pl.errors import UserError
from fmnist_pl.training import main
from tests.conftest import SMALL

LAUGHS = "a0: &a0 [ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 15))
YAML = {
    "billion laughs": LAUGHS,
    "a mapping that holds itself": "a: &a {b: *a}",
    "a list that holds itself": "&a [*a]",
    "an alias of nothing": "a: *b",
    "nested brackets": "[" * 10_000 + "]" * 10_000,
    "open brackets": "{a: " * 100_000,
    "many keys": "".join(f"key{n}: {n}\n" for n in range(60_000)),
    "many more keys": "".join(f"key{n}: {n}\n" for n in range(700_000)),
    "a key given twice": "trainer: {max_epochs: 1}\ntrainer: {max_epochs: 2}\n",
    "a key given twice, further in": "trainer:\n  max_epochs: 1\n  max_epochs: 2\n",
    "a number of many digits": "seed_everything: " + "9" * 20_000,
    "a number of many sixties": "seed_everything: " + ":".join(["59"] * 20_000),
    "a date that is none": "name: 2001-99-99",
    "a tag that makes an object": "name: !!python/object/apply:os.system [true]",
    "two documents": "name: a\n---\nname: b\n",
    "a character of control": "name: \x01",
    "no keys": "- dense\n",
    "nothing": "",
}


def one_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The single line of a command that is refused."""
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1
    assert len(errors) < 600
    return errors


@pytest.mark.parametrize("kind", YAML)
def test_a_config_that_grows_or_turns_in_circles(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(YAML[kind])
    assert "bad.yaml" in one_error(["fit", "--config", str(path)], capsys)


def test_a_config_that_is_not_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes("name: Stra\xdfe\n".encode("latin-1"))
    line = one_error(["fit", "--config", str(path)], capsys)
    assert "bad.yaml" in line
    assert "UTF-8" in line


def test_a_pipe_is_no_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UserError, match="no such file"):
        read_yaml(tmp_path / "pipe.yaml")


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "&a [*a]", LAUGHS.replace("\n", ", ").join("{}")])
def test_a_flag_that_grows_or_turns_in_circles(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    one_error(["fit", "--config", "dense.yaml", "--model.hidden_sizes", text], capsys)


def test_a_file_that_a_config_names_has_the_same_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "optimizer.yaml").write_text(LAUGHS)
    (tmp_path / "own.yaml").write_text(f"model: DenseClassifier\noptimizer: {tmp_path}/optimizer.yaml\n")
    one_error(["fit", "--config", str(tmp_path / "own.yaml")], capsys)


def test_what_people_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("\ufeffbase: &base {lr: 0.1}\nlist: [1, 1]\nmerged: {<<: *base, eps: 1.0e-7}\ntext: 'é: 1'\n")
    merged = {"lr": 0.1, "eps": 1e-7}
    assert read_yaml(path) == {"base": {"lr": 0.1}, "list": [1, 1], "merged": merged, "text": "é: 1"}


@pytest.mark.parametrize("name", ["cnn", "a b (2)", "été", "lr=0.1, batch+1", "v1.2", "_hidden", "n" * 80])
def test_a_name(name: str) -> None:
    assert check_name(name, "name") == name


NO_NAMES = ["", ".", "..", "a/b", "../up", "/root", "a\\b", "a\nb", "a\x1b[2J", "-x", ".hidden", "~", "$HOME", "\udcff"]


@pytest.mark.parametrize("name", [*NO_NAMES, "n" * 300, "\u65e5" * 80])
def test_a_name_that_leads_out_of_its_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "name" in one_error(["fit", "--config", "dense.yaml", *SMALL, f"--name={name}"], capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_name_in_a_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.yaml").write_text("name: ../../up\nmodel: DenseClassifier\n")
    assert "name" in one_error(["test", "--config", str(tmp_path / "own.yaml"), *SMALL], capsys)
