"""A checkpoint from anybody: it is refused in a line, or it is used; it writes nowhere else and runs nothing."""

import shutil
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fmnist_pl.errors import UserError
from fmnist_pl.export.export import export
from fmnist_pl.predictor import Predictor
from fmnist_pl.training import main, train
from tests.conftest import ROOT

RELEASE = ROOT / "tests/releases/0.1.0/last.ckpt"
QUIET = ["--report", "false", "--live_pictures", "false", "--trainer.enable_model_summary", "false"]
ONE_MORE = ["--trainer.max_epochs", "3", *QUIET]
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], Path]:
    """A checkpoint of `dense` with two hidden units after two epochs, changed by a function, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def save(change: Change) -> Path:
        content = torch.load(RELEASE, weights_only=True)
        change(content)
        path = tmp_path / "x.ckpt"
        torch.save(content, path)
        return path

    return save


def put(key: str, value: Any) -> Change:
    """Set a dotted key."""

    def change(content: Any) -> None:
        *parts, last = [int(part) if part.isdigit() else part for part in key.split("/")]
        for part in parts:
            content = content[part]
        content[last] = value

    return change


def drop(key: str) -> Change:
    """Remove a dotted key."""

    def change(content: Any) -> None:
        *parts, last = [int(part) if part.isdigit() else part for part in key.split("/")]
        for part in parts:
            content = content[part]
        del content[last]

    return change


def one_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The single line of a command that is refused."""
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors
    assert "Traceback" not in errors
    assert len(lines[0]) < 1000
    return lines[0]


NEVER_SOUND = {
    **{f"{key} missing": drop(key) for key in ("config", "state_dict", "epoch", "global_step")},
    **{f"config.{key} missing": drop(f"config/{key}") for key in ("name", "model", "data", "trainer")},
    "model of no class": drop("config/model/class_path"),
    "data without a seed": drop("config/data/split_seed"),
    **{f"{key} is a word": put(key, "x") for key in ("config", "state_dict", "epoch", "history", "global_step")},
    **{f"{key} is nothing": put(key, None) for key in ("config", "state_dict", "epoch", "history")},
    **{f"config/{key} is a list": put(f"config/{key}", []) for key in ("name", "model", "data", "trainer")},
    "epoch before the first": put("epoch", -1),
    "epoch is a switch": put("epoch", True),
    "history of words": put("history", [{"epoch": "x"}]),
    "history without epochs": put("history", [{"val/acc": 0.5}]),
    "a weight is a word": put("state_dict/network.1.weight", "x"),
    "a weight is not finite": put("state_dict/network.1.weight", torch.full((2, 784), float("nan"))),
    "a weight is infinite": put("state_dict/network.4.bias", torch.full((10,), float("inf"))),
    "a weight of another shape": put("state_dict/network.1.weight", torch.zeros(3, 784)),
    "a weight of another kind": put("state_dict/network.1.weight", torch.zeros(2, 784, dtype=torch.int64)),
    "a weight is sparse": put("state_dict/network.1.weight", torch.zeros(2, 784).to_sparse()),
    "a weight is missing": drop("state_dict/network.1.weight"),
    "a class of this package that is none": put("config/model/class_path", "fmnist_pl.models.Nope"),
    "arguments are a list": put("config/model/init_args", [1]),
    "sizes are a word": put("config/model/init_args/hidden_sizes", "x"),
    "sizes below zero": put("config/model/init_args/hidden_sizes", [-2]),
    "a vast network": put("config/model/init_args/hidden_sizes", [10**9]),
    "a tensor in the config": put("config/model/init_args/dropout", torch.zeros(3)),
    "an integer without end": put("config/data/split_seed", 10**4000),
    "the config of many values": put("config/more", list(range(100_000))),
}


@pytest.mark.parametrize("form", NEVER_SOUND)
def test_an_unsound_checkpoint_is_one_line(
    form: str, changed: Callable[[Change], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(NEVER_SOUND[form])
    for command in (["test", "--report", "false"], ["fit", *ONE_MORE]):
        assert "x.ckpt" in one_error([*command, "--ckpt_path", str(path)], capsys)
    for use in (Predictor.from_checkpoint, lambda path: export(path, "safetensors")):
        with pytest.raises(UserError, match="x.ckpt"):
            use(path)
    assert list(tmp_path.iterdir()) == [path], "nothing is written"


NOT_RESUMABLE = {
    **{f"{key} missing": drop(key) for key in ("loops", "callbacks", "optimizer_states", "lr_schedulers")},
    **{f"{key} is a word": put(key, "x") for key in ("loops", "callbacks", "optimizer_states", "lr_schedulers")},
    "no loop": put("loops", {}),
    "a loop is a list": put("loops/fit_loop", []),
    "a counter is missing": drop("loops/fit_loop/epoch_progress/current"),
    "a switch of a loop is missing": drop("loops/fit_loop/epoch_loop.val_loop.batch_progress/is_last_batch"),
    "a counter is a word": put("loops/fit_loop/epoch_progress/current/completed", "x"),
    "the position is a word": put("loops/fit_loop/state_dict/combined_loader/0/next_batch", "x"),
    "a callback's state is a word": put("callbacks/Stopwatch", "x"),
    "a callback's seconds are a list": put("callbacks/Stopwatch/seconds", []),
    "no optimizer": put("optimizer_states", []),
    "no groups": drop("optimizer_states/0/param_groups"),
    "a learning rate is a word": put("optimizer_states/0/param_groups/0/lr", "x"),
    "no parameters": put("optimizer_states/0/param_groups/0/params", []),
    "a moment of another shape": put("optimizer_states/0/state/0/exp_avg", torch.zeros(5)),
    "a moment is a word": put("optimizer_states/0/state/0/exp_avg", "x"),
    "a schedule is a list": put("lr_schedulers", [[]]),
    "a step of the schedule is a word": put("lr_schedulers/0/last_epoch", "x"),
    "a version that is none": put("pytorch-lightning_version", "x"),
}


@pytest.mark.filterwarnings("ignore:.*best epoch so far")
@pytest.mark.parametrize("form", NOT_RESUMABLE)
def test_a_state_that_does_not_fit_is_one_line(
    form: str, changed: Callable[[Change], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(NOT_RESUMABLE[form])
    assert "x.ckpt" in one_error(["fit", "--ckpt_path", str(path), *ONE_MORE], capsys)


def test_another_optimizer_starts_afresh(changed: Callable[[Change], Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = changed(lambda content: None)
    line = one_error(["fit", "--ckpt_path", str(path), "--optimizer", "SGD", *ONE_MORE], capsys)
    assert all(word in line for word in ("SGD", "Adam", "--ckpt_path"))


def places(content: dict[str, Any], outside: Path) -> None:
    """Every key by which a config could name a place or a writer."""
    config = content["config"]
    config["trainer"] |= {
        "default_root_dir": str(outside / "root"),
        "callbacks": [
            {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"dirpath": str(outside)}},
            {"class_path": "fmnist_pl.training.callbacks.StopAtAccuracy", "init_args": {"threshold": 0.99}},
        ],
        "logger": {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": str(outside)}},
        "profiler": {"class_path": "lightning.pytorch.profilers.SimpleProfiler", "init_args": {
            "dirpath": str(outside), "filename": "profile"}},
        "plugins": {"class_path": "lightning.pytorch.plugins.io.AsyncCheckpointIO"},
        "model_registry": "elsewhere",
    }  # fmt: skip
    config["data"] |= {"root": str(outside / "data"), "predict_path": str(outside)}
    for key in content["callbacks"]:
        if key.startswith("BestCheckpoint"):
            content["callbacks"][key]["best_model_path"] = str(outside / "secret.ckpt")


@pytest.mark.filterwarnings("ignore:.*best epoch so far", "ignore:.*callbacks used to create")
def test_a_checkpoint_decides_no_place(
    changed: Callable[[Change], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.ckpt").write_text("private")
    path = changed(lambda content: places(content, outside))
    train(["test", "--ckpt_path", str(path), "--report", "false"])
    train(["fit", "--ckpt_path", str(path), *ONE_MORE])
    told = capsys.readouterr().err
    assert all(key in told for key in ("data.root", "trainer.logger", "trainer.callbacks"))
    export(path, "safetensors", tmp_path / "out")
    assert {entry.name for entry in tmp_path.iterdir()} == {"x.ckpt", "outside", "runs", "out"}
    assert [entry.name for entry in outside.iterdir()] == ["secret.ckpt"]
    resumed = tmp_path / "runs/dense/version_1"
    assert (
        not (resumed / "checkpoints/best.ckpt").exists()
        or b"private" not in (resumed / "checkpoints/best.ckpt").read_bytes()
    )
    assert "StopAtAccuracy" in (resumed / "config.yaml").read_text(), "a callback of the recipe is kept"


@pytest.mark.parametrize("name", ["../../up", "a/b", "..", "x\x1b[2J", "n" * 300])
def test_a_name_that_leads_out(
    name: str, changed: Callable[[Change], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(put("config/name", name))
    for command in (["test"], ["fit", *ONE_MORE]):
        assert "name: " in one_error([*command, "--ckpt_path", str(path)], capsys)
    with pytest.raises(UserError, match="name"):
        export(path, "safetensors", tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]
    assert train(["test", "--ckpt_path", str(path), "--name", "mine", "--report", "false"])["config"] == "mine"


def test_a_resumed_run_is_beside_the_run_that_it_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "elsewhere/dense/version_3/checkpoints"
    run.mkdir(parents=True)
    shutil.copy(RELEASE, run / "last.ckpt")
    shutil.copy(RELEASE, run / "best.ckpt")
    monkeypatch.chdir(tmp_path)
    train(["fit", "--ckpt_path", str(run / "last.ckpt"), *ONE_MORE])
    assert (tmp_path / "elsewhere/dense/version_4/metrics.json").exists()
    assert not (tmp_path / "runs").exists()


CODE = {
    "a network": ("model", {"class_path": "fmnist_pl.models.Classifier", "init_args": {
        "network": {"class_path": "imported_by_nobody.Net"}}}),
    "an optimizer": ("optimizer", {"class_path": "imported_by_nobody.Optimizer", "init_args": {}}),
    "a schedule": ("lr_scheduler", {"class_path": "imported_by_nobody.Schedule"}),
    "a function of a schedule": ("lr_scheduler", {"class_path": "torch.optim.lr_scheduler.LambdaLR", "init_args": {
        "lr_lambda": "imported_by_nobody.function"}}),
    "a file of keys": ("optimizer", "imported_by_nobody.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CODE)
def test_a_checkpoint_brings_no_code(
    kind: str, changed: Callable[[Change], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "imported_by_nobody.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "imported_by_nobody.yaml").write_text("class_path: torch.optim.Adam\n")
    block, value = CODE[kind]
    path = changed(put(f"config/{block}", value))
    for command in (["test"], ["fit", *ONE_MORE]):
        line = one_error([*command, "--ckpt_path", str(path)], capsys)
        assert f"--{block}" in line
        assert "imported_by_nobody" in line
    assert "imported_by_nobody" not in sys.modules


class Bomb:
    """Takes a terabyte when it is unpickled, by a function that torch allows."""

    def __reduce__(self) -> Any:
        return bytearray, (2**40,)


def test_a_file_takes_no_more_memory_than_its_size(tmp_path: Path, changed: Callable[[Change], Path]) -> None:
    cases: dict[str, Change] = {
        "a call": put("more", Bomb()),
        "a tensor": put("state_dict/network.1.weight", torch.zeros(1).expand(10**12)),
        "a fitting one": lambda content: (
            put("config/model/init_args/hidden_sizes", [10**9])(content),
            put("state_dict/network.1.weight", torch.zeros(1).expand(10**9, 784))(content),
            put("state_dict/network.1.bias", torch.zeros(1).expand(10**9))(content),
            put("state_dict/network.4.weight", torch.zeros(1).expand(10, 10**9))(content),
        ),
        "a moment": put("optimizer_states/0/state/0/exp_avg", torch.zeros(1).expand(10**12)),
    }
    for change in cases.values():
        with pytest.raises(UserError, match="not a sound checkpoint"):
            Predictor.from_checkpoint(changed(change))


def test_an_archive_that_unpacks_to_more_than_its_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(RELEASE) as sound, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in sound.infolist():
            archive.writestr(member.filename, sound.read(member))
        archive.writestr("archive/more", b"\0" * 10_000_000)
    with pytest.raises(UserError, match="more than its size"):
        Predictor.from_checkpoint(path)


def test_values_that_hold_themselves(changed: Callable[[Change], Path]) -> None:
    circle: dict[str, Any] = OrderedDict()
    circle["circle"] = circle
    laughs: list[Any] = ["ha"]
    for _ in range(40):
        laughs = [laughs] * 10
    for value in (circle, laughs):
        with pytest.raises(UserError, match="nested|values"):
            Predictor.from_checkpoint(changed(put("config/more", value)))
