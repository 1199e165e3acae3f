"""ONNX in 8 bits: smaller, nearly the same classes, and an error of one line where that is not possible."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fmnist_pl import console
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.data.split import split
from fmnist_pl.data.synthetic import draw
from fmnist_pl.errors import UserError
from fmnist_pl.export.check import CALIBRATION_IMAGES, calibration_images
from fmnist_pl.export.export import export
from fmnist_pl.export.int8 import quantise
from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.predictor import Predictor
from fmnist_pl.training import train
from tests.conftest import NO_PICTURES, SMALL, run_folder

OWN_NETWORK = """
import torch
from torch import nn

class Sums(nn.Module):
    '''A network without a convolution or a matrix product.'''

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(10, 28, 28))

    def forward(self, images):
        return (images * self.weight).sum(dim=(2, 3))
"""


@pytest.fixture(scope="module")
def trained_cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of the CNN, small, with batch norm."""
    root = tmp_path_factory.mktemp("runs")
    network = ["--model.blocks", "[[8], [16]]", "--model.hidden_sizes", "[16]", "--model.batch_norm", "true"]
    options = ["--trainer.default_root_dir", str(root), "--trainer.max_epochs", "8", *SMALL, *NO_PICTURES]
    data = ["--data.synthetic_size", "2400", "--data.batch_size", "32"]  # with less, too many classes are uncertain
    train(["fit", "--config", "cnn.yaml", *options, *network, *data])
    return run_folder(root, "cnn")


@pytest.fixture
def cnn(trained_cnn: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(trained_cnn, tmp_path / "cnn/version_0"))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run ``python -m fmnist_pl.export --format onnx_int8`` in this process, in an empty folder."""

    def call(folder: Path, *arguments: str) -> int:
        checkpoint = str(folder / "checkpoints/best.ckpt")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["export", "--ckpt_path", checkpoint, "--format", "onnx_int8", *arguments])
        return console.run(export, "python -m fmnist_pl.export")

    return call


def change(folder: Path, **data: Any) -> None:
    """Change the ``data`` block of a checkpoint's config."""
    path = folder / "checkpoints/best.ckpt"
    content = torch.load(path, weights_only=True)
    content["config"]["data"] |= data
    torch.save(content, path)


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture
def _onnx() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="the extra `export` is not installed")


@pytest.mark.slow
@pytest.mark.usefixtures("_onnx")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_file_in_8_bits(cnn: Path, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx

    assert command(cnn) == 0
    out = capsys.readouterr().out
    assert out.endswith("\ndone\n")
    path, float32 = cnn / "export/cnn.int8.onnx", export(cnn / "checkpoints/best.ckpt", "onnx")
    assert path.stat().st_size < 0.6 * float32.stat().st_size
    kinds = {weight.data_type for weight in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    images = draw(6000, seed=1).test.images
    exported, network = (Predictor.from_export(each).probabilities(images) for each in (path, float32))
    assert (exported.argmax(dim=1) == network.argmax(dim=1)).float().mean() >= 0.98
    torch.testing.assert_close(exported.sum(dim=1), torch.ones(len(images)))
    assert not torch.equal(exported, network)
    card = Path(f"{path}.md").read_text()
    assert "\n- int8\n" in card
    assert "quantised to 8 bits" in card
    assert "| images per second | " in card
    assert "of 400 test images" in card


@pytest.mark.slow
@pytest.mark.usefixtures("_onnx")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_too_many_changed_classes(
    cnn: Path, command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def black(*_: Any) -> Tensor:
        return torch.zeros(100, 1, 28, 28, dtype=torch.uint8)

    monkeypatch.setattr("fmnist_pl.export.export.calibration_images", black)
    assert command(cnn) == 1
    line = error(capsys)
    assert "of 400 test images" in line
    assert "--format onnx" in line
    assert not (cnn / "export").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("_onnx")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_network_without_anything_to_quantise(
    tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sums.py").write_text(OWN_NETWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = ["--trainer.default_root_dir", str(tmp_path), "--trainer.max_epochs", "1", *SMALL, *NO_PICTURES]
    train(["fit", "--model", "Classifier", "--model.network", "sums.Sums", "--name", "sums", *options])
    capsys.readouterr()
    assert command(run_folder(tmp_path, "sums"), "--network_module", "sums") == 1
    line = error(capsys)
    assert "cannot be quantised" in line
    assert "--format onnx" in line


@pytest.mark.usefixtures("_onnx")
def test_a_graph_that_onnxruntime_does_not_know(capfd: pytest.CaptureFixture[str]) -> None:
    from onnx import TensorProto, helper

    ends = [
        helper.make_tensor_value_info(name, kind, ["N", 10])
        for name, kind in (("images", TensorProto.UINT8), ("y", TensorProto.FLOAT))
    ]
    graph = helper.make_graph([helper.make_node("NoSuchStep", ["images"], ["y"])], "other", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(UserError, match="cannot be quantised.*--format onnx") as raised:
        quantise(model.SerializeToString(), torch.zeros(10, 1, 28, 28, dtype=torch.uint8))
    assert "\n" not in str(raised.value)
    assert "Traceback" not in capfd.readouterr().err


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install -e '.\[export\]'"):
        quantise(b"", torch.zeros(10, 1, 28, 28, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"source": "real"}, "FMNIST_DATA"),
        ({"num_folds": "x"}, "data.num_folds"),
        ({"train_limit": 0.5}, "data.train_limit"),
        ({"val_fraction": 2.0}, "data.val_fraction"),
    ],
)
def test_no_images_to_calibrate_on(
    data: dict[str, Any], named: str, run: Path, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change(run, **data)
    assert command(run) == 1
    assert named in error(capsys)
    assert not (run / "export").exists()


def test_the_calibration_uses_training_images_alone(run: Path) -> None:
    size = 3000
    change(run, synthetic_size=size, num_folds=5, fold=2)
    checkpoint = read_checkpoint(run / "checkpoints/best.ckpt")
    drawn = draw(size, seed=0)
    numbers = torch.arange(size)
    numbered = TrainAndTest(LabelledImages(numbers, drawn.train.labels), drawn.test, "synthetic")
    used = calibration_images(checkpoint, numbered)
    training, validation = split(drawn.train.labels, 0, num_folds=5, fold=2)
    assert len(used) == CALIBRATION_IMAGES
    assert set(used.tolist()) <= set(training.tolist())
    assert not set(used.tolist()) & set(validation.tolist())
