"""Exports agree with the network, any number of images at once; and nothing of a file handed over is ever run."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fmnist_pl.data.facts import CLASSES
from fmnist_pl.errors import UserError
from fmnist_pl.export.export import export
from fmnist_pl.export.formats import ENDINGS, Format
from fmnist_pl.networks.saved import about_safetensors
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED
from tests.conftest import ROOT, run_folder

IMAGES = torch.randint(0, 256, (7, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SMALL_CNN = ["--model.blocks", "[[4], [6]]", "--model.hidden_sizes", "[8]", "--model.batch_norm", "true"]


@pytest.fixture
def checkpoint(fit: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    fit(*SMALL_CNN, config="cnn.yaml")
    return run_folder(tmp_path, "cnn") / "checkpoints/best.ckpt"


def needs(form: Format) -> None:
    if form == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package, reason="the extra `export` is not installed")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_format_agrees_and_takes_any_batch(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    eager = Predictor.from_checkpoint(checkpoint).predict(IMAGES)
    exact = {form: ending for form, ending in ENDINGS.items() if form != "onnx_int8"}
    for form, ending in exact.items():
        needs(form)
        path = export(checkpoint, form)
        assert path == checkpoint.parents[1] / f"export/cnn{ending}"
        exported = Predictor.from_export(path, trusted=True)
        torch.testing.assert_close(exported.predict(IMAGES).probabilities, eager.probabilities, atol=1e-5, rtol=0)
        assert exported.predict(IMAGES).classes == eager.classes
        for count in (0, 1, 3):
            assert exported.predict(IMAGES[:count]).probabilities.shape == (count, 10)
        card = path.with_name(f"{path.name}.md").read_text()
        assert all(name in card for name in CLASSES)
        assert "synthetic silhouettes" in card, "it says what it was trained on"
    assert capsys.readouterr().out.count("\ndone") == len(exact)
    with pytest.raises(UserError, match="exists already"):
        export(checkpoint, "safetensors")
    halves = export(checkpoint, "safetensors", checkpoint.parent / "half", half=True)
    assert halves.stat().st_size < path.with_name("cnn.safetensors").stat().st_size
    with pytest.raises(UserError, match="--half"):
        export(checkpoint, "onnx", half=True)


def test_a_file_that_disagrees_is_not_written(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_pl.export import formats

    def spoiled(network: nn.Module, about: dict[str, Any]) -> bytes:
        content = bytearray(formats._safetensors(network, about))
        content[-8:] = b"\x00\x00\x80\x3f" * 2
        return bytes(content)

    monkeypatch.setitem(formats.WRITERS, "safetensors", spoiled)
    with pytest.raises(UserError, match="is not written: its probabilities"):
        export(checkpoint, "safetensors")
    assert not (checkpoint.parents[1] / "export").exists()


def test_the_shipped_weights(tmp_path: Path) -> None:
    assert SHIPPED.stat().st_size <= 1_000_000
    assert "accuracy of this file | 0.9" in SHIPPED.with_name(f"{SHIPPED.name}.md").read_text()
    classes, probabilities = Predictor.shipped().predict(IMAGES)
    assert len(classes) == 7
    torch.testing.assert_close(probabilities.sum(1), torch.ones(7))


@pytest.mark.slow
def test_no_lightning_for_what_is_exported() -> None:
    program = """
import sys, torch
from fmnist_pl.networks.saved import about_safetensors
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED
Predictor.shipped().predict(torch.zeros(2, 28, 28, dtype=torch.uint8))
Predictor.from_export(SHIPPED).predict(torch.zeros(2, 28, 28, dtype=torch.uint8))
heavy = {"lightning", "matplotlib", "optuna", "gradio", "onnx", "tensorboard", "jsonargparse"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


class Harmful:
    """Runs what it likes when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("ending", [".ckpt", ".pt2", ".safetensors", ".onnx", ".html", ".pkl"])
def test_nothing_is_unpickled(ending: str, tmp_path: Path) -> None:
    if ending == ".onnx":
        needs("onnx")
    harm, path = tmp_path / "harm", tmp_path / f"model{ending}"
    for content in (Harmful(harm), {"config": Harmful(harm), "state_dict": {}}):
        torch.save(content, path)
        with pytest.raises(UserError) as raised:
            Predictor.from_checkpoint(path) if ending == ".ckpt" else Predictor.from_export(path)
        assert "\n" not in str(raised.value)
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(UserError):
            Predictor.from_checkpoint(path) if ending == ".ckpt" else Predictor.from_export(path)
    assert not harm.exists()


def test_weights_that_ask_for_a_vast_network(tmp_path: Path) -> None:
    import json

    from safetensors.torch import save_file

    about = about_safetensors(SHIPPED)
    about["network"]["init_args"] |= {"hidden_sizes": [10**9]}
    path = tmp_path / "vast.safetensors"
    save_file({"x": torch.zeros(1)}, path, {name: json.dumps(value) for name, value in about.items()})
    with pytest.raises(UserError, match="does not fit"):
        Predictor.from_export(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="does not say which network"):
        Predictor.from_export(path)


@pytest.mark.parametrize(
    "class_path", ["subprocess.Popen", "os.system", "fmnist_pl.networks.saved.read_checkpoint", "x"]
)
def test_a_file_cannot_name_what_is_not_a_network(tmp_path: Path, class_path: str) -> None:
    import json

    from safetensors.torch import save_file

    about = about_safetensors(SHIPPED) | {"network": {"class_path": class_path, "init_args": {"args": "true"}}}
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path, {name: json.dumps(value) for name, value in about.items()})
    with pytest.raises(UserError, match=f"holds a {class_path}"):
        Predictor.from_export(path)


@pytest.mark.parametrize("images", [torch.zeros(2, 28, 28), torch.zeros(2, 3, 28, 28).byte(), torch.zeros(5, 5).byte()])
def test_images_of_another_kind(images: torch.Tensor) -> None:
    with pytest.raises(UserError, match=r"give (uint8|grey)"):
        Predictor.shipped().predict(images)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no exported model"):
        Predictor.from_export(tmp_path / "x.onnx")
    with pytest.raises(UserError, match="no checkpoint"):
        Predictor.from_checkpoint(tmp_path / "x.ckpt")


@pytest.mark.slow
def test_the_command(checkpoint: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fmnist_pl.export", "--ckpt_path", str(checkpoint), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)

    done = run("--format", "safetensors", "--out", str(tmp_path / "out"))
    assert done.stdout.endswith("done\n"), done.stderr
    assert (tmp_path / "out/cnn.safetensors").exists()
    wrong = run("--format", "keras")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 1)
    assert "torch_export" in wrong.stderr


@pytest.mark.parametrize(
    ("kind", "size", "classes"),
    [
        (1, ["N", 1, 28, 28], ["N", 10]),  # float images
        (2, ["N", 28, 28], ["N", 10]),
        (2, ["N", 3, 224, 224], ["N", 10]),
        (2, [1, 1, 28, 28], [1, 10]),  # one image at a time
        (2, ["N", 1, 28, 28], ["N", 1000]),
    ],
)
def test_an_onnx_model_of_something_else(kind: int, size: list[Any], classes: list[Any], tmp_path: Path) -> None:
    needs("onnx")
    from onnx import TensorProto, helper

    images = helper.make_tensor_value_info("x", kind, size)
    probabilities = helper.make_tensor_value_info("y", TensorProto.FLOAT, classes)
    steps = [
        helper.make_node("Constant", [], ["zero"], value=helper.make_tensor("value", TensorProto.FLOAT, [1], [0.0])),
        helper.make_node("Constant", [], ["to"], value_ints=[1 if part == "N" else part for part in classes]),
        helper.make_node("Expand", ["zero", "to"], ["y"]),
    ]
    graph = helper.make_graph(steps, "other", [images], [probabilities])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=r"uint8 images \(N, 1, 28, 28\).*fmnist_pl.export"):
        Predictor.from_export(tmp_path / "other.onnx")
