"""Write a network in one of the formats, as bytes."""

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import nn

from fmnist_pl.config import Config, recipe_of
from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import Checkpoint, network_of

Format = Literal["onnx", "torch_export", "safetensors"]
ENDINGS: dict[Format, str] = {"onnx": ".onnx", "torch_export": ".pt2", "safetensors": ".safetensors"}


def as_bytes(checkpoint: Checkpoint, network: nn.Module, format: Format) -> bytes:  # noqa: A002  (as the option)
    """A network as the content of a file: from pixels to probabilities, for any number of images at once.

    Args:
        checkpoint: Holds the config of the run that trained it.
        network: The network of the checkpoint, in eval mode on the CPU.
        format: Of the file.

    Raises:
        UserError: A package that the format needs is not installed, or the network does not fit the format.
    """
    return WRITERS[format](checkpoint, network)


def exported_config(checkpoint: Checkpoint) -> Config:
    """What an export says of its training: the name and the recipe of the run."""
    return {"name": checkpoint.config["name"]} | recipe_of(checkpoint.config)


def _onnx(checkpoint: Checkpoint, network: nn.Module) -> bytes:
    try:
        import onnx  # noqa: F401  (torch needs both, without saying how to install them)
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"the format onnx needs {error.name}: pip install 'fmnist_pl[export]'") from error
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


def _torch_export(checkpoint: Checkpoint, network: nn.Module) -> bytes:
    program = torch.export.export(
        FromPixels(network), (_example(),), dynamic_shapes={"images": {0: torch.export.Dim("batch")}}
    )
    content = io.BytesIO()
    with warnings.catch_warnings():
        # it warns of channels_last weights; the exported file is checked
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(program, content)
    return content.getvalue()


def _safetensors(checkpoint: Checkpoint, network: nn.Module) -> bytes:
    from safetensors.torch import save

    about = {
        "network": network_of(checkpoint.config["model"], checkpoint.path),
        "classes": CLASSES,
        "config": exported_config(checkpoint),
    }
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, {name: json.dumps(value, default=str) for name, value in about.items()})


WRITERS: dict[Format, Callable[[Checkpoint, nn.Module], bytes]] = {
    "onnx": _onnx,
    "torch_export": _torch_export,
    "safetensors": _safetensors,
}


def _example() -> torch.Tensor:
    """Two images: with one, the exporter fixes the batch size to 1."""
    return torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's own report of its steps."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123  (no path)
        yield
