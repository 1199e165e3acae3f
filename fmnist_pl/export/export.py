"""Export a checkpoint: write a file, read it back, compare it with the network, and only then report success."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from fmnist_pl.atomic_files import replacing
from fmnist_pl.config import check_name
from fmnist_pl.errors import UserError
from fmnist_pl.export.card import model_card
from fmnist_pl.export.card_head import NO_LICENCE, Exported, check_licence
from fmnist_pl.export.check import calibration_images, check_export, images_of
from fmnist_pl.export.formats import ENDINGS, Format, about_checkpoint, as_bytes
from fmnist_pl.export.html_page import TooLargeError
from fmnist_pl.networks.saved import Checkpoint, about_safetensors, import_network_module, read_checkpoint
from fmnist_pl.weights import SHIPPED

SHIPPED_LICENCE = "mit"


def export(
    ckpt_path: Path | None,
    format: Format,  # noqa: A002  (it is the option's name)
    out: Path | None = None,
    half: bool = False,
    network_module: str | None = None,
    license: str | None = None,  # noqa: A002  (as model hubs name it)
) -> Path:
    """Export a checkpoint as one file that maps pixels to probabilities, with a model card beside it.

    Args:
        ckpt_path: A checkpoint of train.py fit; by default the weights that ship with the package.
        format: For onnxruntime (onnx, or onnx_int8 in 8 bits), torch.export.load (torch_export), this package alone
            (safetensors), or a browser, as a page that classifies photos without a server (html).
        out: Folder for the two files; by default export/ in the run's folder, or in this one for the shipped weights.
        half: Round the weights to half precision first; a safetensors file then has half the size. A page that would
            be larger than 3 MB is always rounded.
        network_module: Your Python module that defines the network, if it is not one of this package.
        license: Licence of the weights, for the model card, as model hubs write it: mit, apache-2.0, cc-by-4.0. By
            default unknown, or mit for the shipped weights.

    Returns:
        The exported file.

    Raises:
        UserError: The checkpoint cannot be read, a package is missing, the files exist already, or the written file
            does not agree with the network.
    """
    if half and format not in ("safetensors", "html"):
        raise UserError(f"--half is for --format safetensors and html: {format} would compute with rounded numbers")
    default_licence = NO_LICENCE if ckpt_path else SHIPPED_LICENCE
    licence = check_licence(default_licence if license is None else license)
    if network_module is not None:
        import_network_module(network_module)
    checkpoint = read_checkpoint(ckpt_path) if ckpt_path else _shipped()
    network = checkpoint.network()
    name = check_name(checkpoint.config["name"], f"{checkpoint.path}: config.name")
    path = (out or (_default_folder(ckpt_path) if ckpt_path else Path("export"))) / f"{name}{ENDINGS[format]}"
    card = path.with_name(f"{path.name}.md")
    for taken in (path, card):
        if taken.exists():
            raise UserError(f"{taken} exists already: remove it, or give another folder with --out")
    data = images_of(checkpoint)
    calibration = calibration_images(checkpoint, data) if format == "onnx_int8" else None
    content, half = _content(network, format, about_checkpoint(checkpoint), half, calibration)
    network.float()  # holds the weights as they were rounded
    check = check_export(content, path.name, network, data, is_int8=format == "onnx_int8")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    text = model_card(Exported(path, format, content, checkpoint, parameters, check, half, licence))
    with replacing(path, "wb") as binary:
        binary.write(content)
    with replacing(card) as file:
        file.write(text)
    print(f"{path}: {len(content):,} bytes\n{check.lines()}\n{card}\ndone")
    return path


def _shipped() -> Checkpoint:
    """The shipped weights as a checkpoint, without metrics of epochs."""
    from safetensors.torch import load_file

    weights = {f"network.{name}": tensor for name, tensor in load_file(SHIPPED).items()}
    config = about_safetensors(SHIPPED)["config"]
    config["data"]["verify"] = True  # no part of the recipe, so the file leaves it out
    return Checkpoint(SHIPPED, config, weights, epoch=0, history=[])


def _content(
    network: nn.Module,
    format: Format,  # noqa: A002
    about: dict[str, Any],
    half: bool,
    calibration: Tensor | None,
) -> tuple[bytes, bool]:
    """Content of the file, and whether its weights are rounded: if asked for, or for a page that is too large else."""
    try:
        return as_bytes(network.half() if half else network, format, about, calibration), half
    except TooLargeError:
        if half:
            raise
        return as_bytes(network.half(), format, about), True


def _default_folder(checkpoint: Path) -> Path:
    folder = checkpoint.absolute().parent
    return (folder.parent if folder.name == "checkpoints" else folder) / "export"
