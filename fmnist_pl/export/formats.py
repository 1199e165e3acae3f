"""Write a network in one of the formats, as bytes."""

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fmnist_pl.config import recipe_of
from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.export.html_page import html_page
from fmnist_pl.export.int8 import quantise
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import Checkpoint, network_of

Format = Literal["onnx", "onnx_int8", "torch_export", "safetensors", "html"]
ENDINGS: dict[Format, str] = {
    "onnx": ".onnx",
    "onnx_int8": ".int8.onnx",
    "torch_export": ".pt2",
    "safetensors": ".safetensors",
    "html": ".html",
}


def as_bytes(
    network: nn.Module,
    format: Format,  # noqa: A002  (as the option)
    about: dict[str, Any],
    calibration: Tensor | None = None,
) -> bytes:
    """A network as the content of a file: from pixels to probabilities, for any number of images at once.

    Args:
        network: In eval mode on the CPU.
        format: Of the file.
        about: What a safetensors file or a page says of itself, from `about_checkpoint`.
        calibration: Training images, uint8 (N, 1, 28, 28); for onnx_int8 alone, which needs them.

    Raises:
        UserError: A package that the format needs is not installed, or the network does not fit the format.
    """
    if format == "onnx_int8":
        assert calibration is not None
        return quantise(_onnx(network, about), calibration)
    return WRITERS[format](network, about)


def about_checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    """What an export says of itself: class and arguments of the network, the classes, name and recipe of the run."""
    return {
        "network": network_of(checkpoint.config["model"], checkpoint.path),
        "classes": CLASSES,
        "config": {"name": checkpoint.config["name"]} | recipe_of(checkpoint.config),
    }


def _onnx(network: nn.Module, about: dict[str, Any]) -> bytes:
    try:
        import onnx  # noqa: F401  (torch needs both, without saying how to install them)
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"the format onnx needs {error.name}: pip install -e '.[export]' in the checkout") from error
    with _quiet():
        program = torch.onnx.export(
            FromPixels(network),
            (_example(),),
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program.model_proto.SerializeToString()


def _torch_export(network: nn.Module, about: dict[str, Any]) -> bytes:
    program = torch.export.export(
        FromPixels(network), (_example(),), dynamic_shapes={"images": {0: torch.export.Dim("batch")}}
    )
    content = io.BytesIO()
    with warnings.catch_warnings():
        # it warns of channels_last weights; the exported file is checked
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(program, content)
    return content.getvalue()


def _safetensors(network: nn.Module, about: dict[str, Any]) -> bytes:
    from safetensors.torch import save

    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, {name: json.dumps(value, default=str) for name, value in about.items()})


WRITERS: dict[Format, Callable[[nn.Module, dict[str, Any]], bytes]] = {
    "onnx": _onnx,
    "torch_export": _torch_export,
    "safetensors": _safetensors,
    "html": html_page,
}


def _example() -> torch.Tensor:
    """Two images: with one, the exporter fixes the batch size to 1."""
    return torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's own report of its steps."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123  (no path)
        yield
