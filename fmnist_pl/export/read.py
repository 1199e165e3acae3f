"""Open an exported file as a function from pixels to probabilities. Needs no Lightning."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.export.html_page import read_page
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import read_safetensors

Run = Callable[[Tensor], Tensor]


def read_export(path: Path, trusted: bool = False) -> Run:
    """Open an exported file.

    Args:
        path: Ends in ``.safetensors``, ``.onnx``, ``.html`` or ``.pt2``.
        trusted: Whether a ``.pt2`` may be opened.

    Returns:
        From uint8 images (N, 1, 28, 28) to probabilities (N, 10).

    Raises:
        UserError: There is no such file, it is broken, or it must be trusted first.
    """
    readers = {".safetensors": _read_safetensors, ".onnx": _read_onnx, ".pt2": _read_torch_export, ".html": _read_html}
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


def _read_html(path: Path) -> Run:
    return FromPixels(read_page(path))


def _read_torch_export(path: Path) -> Run:
    run: Run = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return run


def _read_onnx(path: Path) -> Run:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("an .onnx file is run by onnxruntime: pip install -e '.[export]' in the checkout") from error
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), session.get_outputs()
    images_to_probabilities = (
        len(inputs) == len(outputs) == 1
        and _takes(inputs[0], "tensor(uint8)", [1, IMAGE_SIZE, IMAGE_SIZE])
        and _takes(outputs[0], "tensor(float)", [len(CLASSES)])
    )
    if not images_to_probabilities:
        found = " to ".join(", ".join(f"{one.type} {one.shape}" for one in ends) for ends in (inputs, outputs))
        raise UserError(
            f"{path} maps {found}: give a model from uint8 images (N, 1, {IMAGE_SIZE}, {IMAGE_SIZE}) "
            f"to float probabilities (N, {len(CLASSES)}), as python -m fmnist_pl.export writes them"
        )
    return lambda images: torch.from_numpy(session.run(None, {inputs[0].name: images.numpy()})[0])


def _takes(end: Any, kind: str, size: list[int]) -> bool:
    """Whether an input or output of an ONNX model has this type and any number of items of this size."""
    return end.type == kind and end.shape[1:] == size and not isinstance(end.shape[0], int)
