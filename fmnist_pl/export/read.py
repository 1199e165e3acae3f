"""Open an exported file as a function from pixels to probabilities. Needs no Lightning."""

import io
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from fmnist_pl.errors import UserError
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import read_safetensors

Run = Callable[[Tensor], Tensor]


def read_export(path: Path, trusted: bool = False) -> Run:
    """Open an exported file.

    Args:
        path: Ends in ``.safetensors``, ``.onnx`` or ``.pt2``.
        trusted: Whether a ``.pt2`` may be opened.

    Returns:
        From uint8 images (N, 1, 28, 28) to probabilities (N, 10).

    Raises:
        UserError: There is no such file, it is broken, or it must be trusted first.
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


def _read_safetensors(path: Path) -> Run:
    return FromPixels(read_safetensors(path))


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
