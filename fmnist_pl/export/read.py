"""Read an exported file again: from a path to a function from pixels to probabilities. Needs no Lightning."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fmnist_pl.errors import UserError
from fmnist_pl.networks import build
from fmnist_pl.networks.from_pixels import FromPixels

Run = Callable[[Tensor], Tensor]
LONGEST_RECIPE = 10_000
"""Characters; what is longer is not a network of this project."""


def read_export(path: Path, trusted: bool = False) -> Run:
    """Open an exported file.

    Args:
        path: Ends in ``.safetensors``, ``.onnx`` or ``.pt2``.
        trusted: Whether a ``.pt2`` may be opened.

    Returns:
        From uint8 images (N, 1, 28, 28) to probabilities (N, classes).

    Raises:
        UserError: There is no such file, it is broken, or it would have to be trusted.
    """
    readers = {".safetensors": _read_safetensors, ".onnx": _read_onnx, ".pt2": _read_torch_export}
    if path.suffix not in readers:
        raise UserError(f"{path} is no exported model: give a file that ends in {', '.join(readers)}")
    if not path.is_file():
        raise UserError(f"no exported model {path}: make one with python -m fmnist_pl.export")
    if path.suffix == ".pt2" and not trusted:
        # torch.export.load unpickles parts of the file without weights_only, and takes no argument against it
        raise UserError(
            f"{path} can hold code, which would run when it is opened: if you made it yourself, say trusted=True; "
            "else ask for it as .onnx or .safetensors, which hold none"
        )
    try:
        return readers[path.suffix](path)
    except UserError:
        raise
    except Exception as error:  # each library raises its own kinds for a broken file
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"{path} cannot be read as a model ({type(error).__name__}: {reason})") from error


def about_safetensors(path: Path) -> dict[str, Any]:
    """What a safetensors file of this project says of itself: ``recipe``, ``classes`` and ``config``."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if len(metadata.get("recipe", "")) not in range(1, LONGEST_RECIPE):
        raise UserError(f"{path} does not say of what network its weights are: it was not made by fmnist_pl.export")
    return {name: json.loads(metadata[name]) for name in ("recipe", "classes", "config")}


def read_network(path: Path) -> nn.Module:
    """The network of a safetensors file, in float32, whatever the file keeps."""
    from safetensors.torch import load_file

    with torch.device("meta"):  # takes no memory, however large a network the file asks for
        network = build(**about_safetensors(path)["recipe"])
    tensors = {name: t.float() if t.is_floating_point() else t for name, t in load_file(path).items()}
    network.load_state_dict(tensors, assign=True)
    return network.to(memory_format=torch.channels_last)


def _read_safetensors(path: Path) -> Run:
    return FromPixels(read_network(path))


def _read_torch_export(path: Path) -> Run:
    run: Run = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return run


def _read_onnx(path: Path) -> Run:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("an .onnx file is run by onnxruntime: pip install 'fmnist_pl[export]'") from error
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: torch.from_numpy(session.run(None, {name: images.numpy()})[0])
