"""Export a checkpoint: write a file, read it back, compare it with the network, and only then report success."""

import importlib
import sys
import tempfile
from pathlib import Path

from torch import nn

from fmnist_pl.atomic_files import replacing
from fmnist_pl.config import check_name
from fmnist_pl.data.source import load
from fmnist_pl.errors import UserError
from fmnist_pl.export.card import Check, model_card
from fmnist_pl.export.formats import ENDINGS, Format, about_checkpoint, as_bytes
from fmnist_pl.export.read import read_export
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import Checkpoint, read_checkpoint
from fmnist_pl.predictor import Predictor

TOLERANCE = 1e-4
"""Largest allowed difference of any probability between an exported file and its network."""
MOST_SYNTHETIC = 60_000  # training images, of which a sixth as many test images are checked


def export(
    ckpt_path: Path,
    format: Format,  # noqa: A002  (it is the option's name)
    out: Path | None = None,
    half: bool = False,
    network_module: str | None = None,
) -> Path:
    """Export a checkpoint as one file that maps pixels to probabilities, with a model card beside it.

    Args:
        ckpt_path: A checkpoint of train.py fit.
        format: For onnxruntime (onnx), torch.export.load (torch_export) or this package alone (safetensors).
        out: Folder for the two files; by default export/ in the run's folder.
        half: Round the weights to half precision first; a safetensors file then has half the size.
        network_module: Your Python module that defines the network, if it is not one of this package.

    Returns:
        The exported file.

    Raises:
        UserError: The checkpoint cannot be read, a package is missing, the files exist already, or the written file
            does not agree with the network.
    """
    if half and format != "safetensors":
        raise UserError(f"--half is for --format safetensors: {format} computes in half precision too, less exactly")
    if network_module is not None:
        _import(network_module)
    checkpoint = read_checkpoint(ckpt_path)
    network = checkpoint.network()
    name = check_name(checkpoint.config["name"], f"{ckpt_path}: config.name")
    path = (out or _default_folder(ckpt_path)) / f"{name}{ENDINGS[format]}"
    card = path.with_name(f"{path.name}.md")
    for file in (path, card):
        if file.exists():
            raise UserError(f"{file} exists already: remove it, or give another folder with --out")
    content = as_bytes(network.half() if half else network, format, about_checkpoint(checkpoint))
    network.float()  # holds the weights as they were rounded
    check = _check(content, path.name, checkpoint, network)
    with replacing(path, "wb") as binary:
        binary.write(content)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    with replacing(card) as text:
        text.write(model_card(path, checkpoint, parameters, check, half))
    print(f"{path}: {len(content):,} bytes")
    print(f"  on {check.images:,} {check.source} test images: probabilities within {check.difference:.1e} of the")
    print(f"  network's, the same class on each, accuracy {check.accuracy:.4f}")
    print(f"{card}\ndone")
    return path


def _import(module: str) -> None:
    sys.path.append("")  # the working folder, as ``python -m`` has it and an installed command has not
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"--network_module {module} cannot be imported: {error}") from error


def _check(content: bytes, name: str, checkpoint: Checkpoint, network: nn.Module) -> Check:
    """Read a file back and compare it with the network on the test images of its data set, or on synthetic ones.

    The real ones are looked for in the usual places, not where the checkpoint says.

    Raises:
        UserError: They do not agree.
    """
    keys = checkpoint.config["data"]
    source = "synthetic" if keys["source"] == "synthetic" else "auto"
    size = min(keys["synthetic_size"], MOST_SYNTHETIC)
    data = load(source, None, keys["verify"], size, keys["split_seed"], may_download=False)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        written = Predictor(read_export(path, trusted=True)).probabilities(data.test.images)
    expected = Predictor(FromPixels(network)).probabilities(data.test.images)
    difference = float((written - expected).abs().max())
    others = int((written.argmax(dim=1) != expected.argmax(dim=1)).sum())
    if not difference <= TOLERANCE or others:
        raise UserError(
            f"{name} is not written: its probabilities differ by up to {difference:.1e} from the network's, and "
            f"{others} of {len(written):,} classes differ; please report this with the versions of torch and onnx"
        )
    accuracy = float((written.argmax(dim=1) == data.test.labels).float().mean())
    return Check(data.source, len(written), difference, accuracy)


def _default_folder(checkpoint: Path) -> Path:
    folder = checkpoint.absolute().parent
    return (folder.parent if folder.name == "checkpoints" else folder) / "export"
