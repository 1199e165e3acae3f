"""Export a checkpoint: write, read back, compare with the network itself, and only then say done."""

import tempfile
from pathlib import Path

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.source import load
from fmnist_pl.errors import UserError
from fmnist_pl.export.card import Check, model_card
from fmnist_pl.export.checkpoint import Trained, load_checkpoint
from fmnist_pl.export.formats import ENDINGS, Format, as_bytes
from fmnist_pl.export.read import read_export
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.predictor import Predictor
from fmnist_pl.training.checkpoints import CHECKPOINT_FOLDER

TOLERANCE = 1e-4
"""Largest difference of any probability that an exported file may have from the network it was made of."""


def export(
    ckpt_path: Path,
    format: Format,  # noqa: A002  (it is the option's name)
    out: Path | None = None,
    half: bool = False,
) -> Path:
    """Export a checkpoint as one file that takes pixels and gives probabilities, with its model card beside it.

    Args:
        ckpt_path: A checkpoint of train.py fit.
        format: For onnxruntime (onnx), torch.export.load (torch_export) or this package alone (safetensors).
        out: Folder for the two files; by default export/ in the run's folder.
        half: Round the weights to half precision first; a safetensors file then has half the size.

    Returns:
        The exported file.

    Raises:
        UserError: The checkpoint cannot be read, a package is missing, the files are there already, or what was
            written does not agree with the network.
    """
    if half and format != "safetensors":
        raise UserError(f"half precision is for safetensors: {format} would compute in it as well, less exactly")
    trained = load_checkpoint(ckpt_path)
    path = (out or _default_folder(ckpt_path)) / f"{trained.config['name']}{ENDINGS[format]}"
    card = path.with_name(f"{path.name}.md")
    for file in (path, card):
        if file.exists():
            raise UserError(f"{file} is there already: remove it, or give another folder with --out")
    content = as_bytes(trained.network.half() if half else trained.network, format, trained.config)
    trained.network.float()  # rounded as they were written
    check = _check(content, path.name, trained)
    with replacing(path, "wb") as binary:
        binary.write(content)
    with replacing(card) as text:
        text.write(model_card(path, trained, check, half))
    print(f"{path}: {len(content):,} bytes")
    print(f"  on {check.images:,} {check.source} test images: probabilities within {check.difference:.1e} of the")
    print(f"  network's, the same class on each, accuracy {check.accuracy:.4f}")
    print(f"{card}\ndone")
    return path


def _check(content: bytes, name: str, trained: Trained) -> Check:
    """Read a file back and compare it with the network on the test images of its data set, or drawn ones.

    Raises:
        UserError: They do not agree.
    """
    keys = trained.config["data"]
    source = "synthetic" if keys["source"] == "synthetic" else "auto"
    data = load(source, keys["root"], keys["verify"], keys["synthetic_size"], keys["split_seed"], may_download=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        written = Predictor(read_export(path, trusted=True)).probabilities(data.test.images)
    network = Predictor(FromPixels(trained.network)).probabilities(data.test.images)
    difference = float((written - network).abs().max())
    others = int((written.argmax(dim=1) != network.argmax(dim=1)).sum())
    if not difference <= TOLERANCE or others:
        raise UserError(
            f"{name} is not written: its probabilities are up to {difference:.1e} from the network's, and {others} of "
            f"{len(written):,} classes are others; please report this with the versions of torch and onnx"
        )
    accuracy = float((written.argmax(dim=1) == data.test.labels).float().mean())
    return Check(data.source, len(written), difference, accuracy)


def _default_folder(checkpoint: Path) -> Path:
    folder = checkpoint.absolute().parent
    return (folder.parent if folder.name == CHECKPOINT_FOLDER else folder) / "export"
