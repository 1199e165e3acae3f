"""Random files of other people: images, checkpoints, exports, runs and photos are read, or refused in one line."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fmnist_pl.data.idx import read_images, read_labels
from fmnist_pl.export.export import export
from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.photos.decode import decode_photo
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.predictor import Predictor
from fmnist_pl.reporting.__main__ import main as reporting
from fmnist_pl.reporting.runs import read_history
from fmnist_pl.training import main
from fmnist_pl.tuning.storage import open_storage
from tests.conftest import ROOT, idx_bytes, images_idx, labels_idx
from tests.photos.sample_files import SOUND
from tests.properties.conftest import examples
from tests.properties.harness import run
from tests.properties.hostile import damaged, mutated, plain_values, values

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

RELEASE = ROOT / "tests/releases/0.1.0"
CHECKPOINT = torch.load(RELEASE / "last.ckpt", weights_only=True)
words = st.one_of(st.integers(0, 60), st.sampled_from([2049, 2051, 28, 2**31, 2**32 - 1, 10**6, 10**6 + 1, 60_000]))


@examples(300)
@given(
    magic=st.sampled_from([2051, 2049]) | words,
    sizes=st.lists(words, max_size=4),
    payload=st.binary(max_size=2000),
    is_gzip=st.booleans(),
    data=st.data(),
)
def test_any_idx_file(magic: int, sizes: list[int], payload: bytes, is_gzip: bool, data: st.DataObject) -> None:
    content = idx_bytes(magic, *sizes, payload=payload)
    content = data.draw(st.sampled_from([content, content * 100, images_idx(3), labels_idx(30)]))
    packed = gzip.compress(content) if is_gzip else content
    packed = data.draw(st.just(packed) | damaged(packed))
    path = Path("x.gz" if is_gzip else "x")

    def read() -> None:
        path.write_bytes(packed)
        (read_images if magic == 2051 else read_labels)(path)

    run(read)


def read_and_predict(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    assert checkpoint.metrics is not None
    Predictor.from_checkpoint(path).predict(torch.zeros(1, 28, 28, dtype=torch.uint8))


def saved(content: Any) -> Path:
    path = Path("x.ckpt")
    torch.save(content, path)
    return path


tensors = st.sampled_from(
    [
        torch.zeros(()),
        torch.zeros(2, 784),
        torch.full((2, 784), torch.nan),
        torch.zeros(0),
        torch.zeros(1).expand(10**9),
    ]
    + [torch.zeros(2, 784, dtype=torch.int64), torch.zeros(2, 784, dtype=torch.complex64), torch.zeros(3).to_sparse()]
)
tensor_or_plain = plain_values | tensors


@examples(200)
@given(content=mutated(CHECKPOINT, tensor_or_plain, most=2))
def test_a_checkpoint_of_other_entries(content: Any) -> None:
    run(lambda: read_and_predict(saved(content)))


@examples(25)
@given(
    content=st.sampled_from(["loops", "callbacks", "optimizer_states", "lr_schedulers", "config"]).flatmap(
        lambda key: mutated(CHECKPOINT[key], tensor_or_plain, most=2).map(lambda entry: CHECKPOINT | {key: entry})
    )
)
def test_a_checkpoint_of_other_entries_is_resumed(content: Any) -> None:
    arguments = ["--trainer.max_epochs", "3", "--trainer.accelerator", "cpu", "--data.synthetic_size", "100"]
    arguments += ["--report", "false", "--live_pictures", "false", "--trainer.devices", "1", "--compile", "false"]
    run(lambda: main(["fit", "--ckpt_path", str(saved(content)), *arguments]))


@examples(8)
@given(entry=mutated(CHECKPOINT["config"], tensor_or_plain, most=2))
def test_a_checkpoint_of_other_entries_is_tested_and_exported(entry: Any) -> None:
    content = CHECKPOINT | {"config": entry}
    run(lambda: main(["test", "--ckpt_path", str(saved(content)), "--data.synthetic_size", "100", "--report", "false"]))
    run(lambda: export(saved(content), "safetensors", Path("out")))


@examples(200)
@given(content=damaged((RELEASE / "last.ckpt").read_bytes()))
def test_a_checkpoint_of_other_bytes(content: bytes) -> None:
    def read() -> None:
        Path("x.ckpt").write_bytes(content)
        read_and_predict(Path("x.ckpt"))

    run(read)


@examples(100)
@given(data=st.data())
def test_a_checkpoint_of_other_archive_members(data: st.DataObject) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(RELEASE / "last.ckpt") as sound, zipfile.ZipFile(archive, "w") as changed:
        for member in sound.infolist():
            content = sound.read(member)
            match data.draw(st.sampled_from(["same"] * 8 + ["damage", "drop", "rename", "twice", "pack"])):
                case "same":
                    changed.writestr(member.filename, content)
                case "damage":
                    changed.writestr(member.filename, data.draw(damaged(content)))
                case "rename":
                    changed.writestr(data.draw(st.text(max_size=9)) or "x", content)
                case "twice":
                    changed.writestr(member.filename, content)
                    changed.writestr(member.filename, content * 2)
                case "pack":
                    changed.writestr(member.filename, content, zipfile.ZIP_DEFLATED)

    def read() -> None:
        Path("x.ckpt").write_bytes(archive.getvalue())
        read_and_predict(Path("x.ckpt"))

    run(read)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound safetensors export."""
    return export(RELEASE / "last.ckpt", "safetensors", tmp_path_factory.mktemp("export")).read_bytes()


@examples(150)
@given(data=st.data())
def test_an_export_of_another_header(exported: bytes, data: st.DataObject) -> None:
    length = int.from_bytes(exported[:8], "little")
    header, rest = json.loads(exported[8 : 8 + length]), exported[8 + length :]
    about = {name: json.loads(text) for name, text in header["__metadata__"].items()}
    if data.draw(st.booleans()):
        about = data.draw(mutated(about))
        header["__metadata__"] = {name: json.dumps(value, default=str) for name, value in about.items()}
    else:
        header = data.draw(mutated(header))
    text = json.dumps(header, default=str).encode()
    content = (len(text).to_bytes(8, "little") + text) + rest
    read_as_export(data.draw(st.just(content) | st.just(content) | damaged(exported)))


def read_as_export(content: bytes) -> None:
    def read() -> None:
        Path("x.safetensors").write_bytes(content)
        Predictor.from_export("x.safetensors").predict(torch.zeros(1, 28, 28, dtype=torch.uint8))

    run(read)


METRICS = {
    "config": "dense", "command": "fit", "data_source": "synthetic", "seed": 0, "params": 1600, "epochs": 2,
    "train_seconds": 1.5, "images_per_second": 100.0, "val": {"acc": 0.5, "loss": 1.0},
    "test": {"acc": 0.5, "acc_low": 0.4, "acc_high": 0.6, "loss": 1.0, "top2": 0.7, "macro": {"f1": 0.5}, "ece": 0.1},
}  # fmt: skip
HISTORY = [{"epoch": number, "train/loss": 1.0, "val/acc": 0.5} for number in range(3)]


@st.composite
def json_text(draw: st.DrawFn, tree: Any) -> str:
    """A mutated tree as JSON, at times with damaged characters."""
    text = json.dumps(
        draw(mutated({"x": tree}, values.filter(lambda value: not isinstance(value, bytes)))), default=repr
    )
    text = text.removeprefix('{"x": ').removesuffix("}")
    return draw(st.just(text) | st.just(text) | damaged(text.encode()).map(lambda b: b.decode("latin-1")))


@examples(150)
@given(metrics=json_text(METRICS), config=json_text(CHECKPOINT["config"]))
def test_runs_of_others_are_compared(metrics: str, config: str) -> None:
    def compare() -> int:
        for version, content in enumerate([metrics, json.dumps(METRICS)]):
            folder = Path(f"runs/dense/version_{version}")
            folder.mkdir(parents=True)
            (folder / "metrics.json").write_text(content)
            (folder / "config.yaml").write_text(config if version else json.dumps(CHECKPOINT["config"]))
        return reporting(["compare", "runs/dense/version_0", "runs/dense/version_1"])

    run(compare)


@examples(150)
@given(text=json_text(HISTORY))
def test_a_history_of_others(text: str) -> None:
    def read() -> None:
        Path("history.json").write_text(text)
        read_history(Path("history.json"))

    run(read)


@examples(4)
@given(text=json_text(HISTORY))
def test_a_history_of_others_in_a_report(text: str) -> None:
    def evaluate() -> int:
        folder = Path("runs/dense/version_0/checkpoints")
        folder.mkdir(parents=True)
        (folder.parent / "history.json").write_text(text)
        (folder / "last.ckpt").write_bytes((RELEASE / "last.ckpt").read_bytes())
        return main(["test", "--ckpt_path", str(folder / "last.ckpt"), "--data.synthetic_size", "100"])

    run(evaluate)


@examples(200)
@given(content=damaged((RELEASE / "journal.log").read_bytes()))
def test_a_journal_of_others(content: bytes) -> None:
    def read() -> None:
        Path("journal.log").write_bytes(content)
        for study in open_storage(None, Path.cwd()).get_all_studies():
            assert study.study_name is not None

    run(read)


SMALL_PHOTOS = {kind: make() for kind, make in SOUND.items() if kind != "huge"}


@examples(300)
@given(content=st.sampled_from(list(SMALL_PHOTOS.values())).flatmap(damaged) | st.binary(max_size=100))
def test_any_photo(content: bytes) -> None:
    run(lambda: prepare(decode_photo(content)))
