"""A page that classifies photos without a server: one HTML file with the network, its weights and all code inside."""

import base64
import hashlib
import json
import re
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from torch import Tensor, nn

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE, PIXEL_MEAN, PIXEL_STD
from fmnist_pl.errors import UserError
from fmnist_pl.export.run_steps import StepsNetwork
from fmnist_pl.export.steps import Program, Step, program_of
from fmnist_pl.photos import decode, prepare, verdict

MOST_BYTES = 3_000_000
"""Largest page, so that it can be sent by mail and opened on a phone."""

LARGEST_NETWORK = 4 * MOST_BYTES
"""Bytes of all weights, unpacked; a page that unpacks to more is not read."""

SOURCES = Path(__file__).with_name("page")
SCRIPTS = ("pillow.js", "prepare.js", "network.js", "page.js")
PARTS = re.compile(
    r'<script type="application/json" id="program">(?P<program>[^<]*)</script>\s*'
    r'<script type="text/plain" id="weights">(?P<weights>[^<]*)</script>'
)
SAFE = str.maketrans("&<>", "/,.")
"""Characters of base 85 (RFC 1924) that mean something in HTML, and others for them."""

TYPES: dict[str, np.dtype[Any]] = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4")}


class TooLargeError(UserError):
    """A page would be larger than `MOST_BYTES`."""


def html_page(network: nn.Module, about: dict[str, Any]) -> bytes:
    """Write a network as a page.

    Args:
        network: In eval mode on the CPU; converted to float32. Tensors that half precision holds exactly are stored so.
        about: From `about_checkpoint`.

    Raises:
        TooLargeError: The page would be.
        UserError: The network has operations that a page cannot compute.
    """
    program = program_of(network.float())
    parameters = sum(parameter.numel() for parameter in network.parameters())
    page = render(_described(program), _packed(program.tensors), about, parameters)
    if len(page) > MOST_BYTES:
        raise TooLargeError(
            f"a page with these {parameters:,} parameters has {len(page):,} bytes, more than {MOST_BYTES:,}: "
            "export as onnx, or train a smaller network"
        )
    return page


def render(program: dict[str, Any], weights: str, about: dict[str, Any], parameters: int) -> bytes:
    """Fill the template.

    Args:
        program: Steps, and shapes and types of the tensors, as plain data.
        weights: The packed tensors.
        about: From `about_checkpoint`.
        parameters: Number of weights of the network.
    """
    settings = {
        "classes": CLASSES,
        "imageSize": IMAGE_SIZE,
        "pixelMean": PIXEL_MEAN,
        "pixelStd": PIXEL_STD,
        "workingSide": decode.WORKING_SIDE,
        "maxBytes": decode.MAX_BYTES,
        "maxPixels": decode.MAX_PIXELS,
        "near": prepare.NEAR,
        "corner": prepare.CORNER,
        "speck": prepare.SPECK,
        "unsureBelow": verdict.UNSURE_BELOW,
        "blankBelow": verdict.BLANK_BELOW,
    }
    script = "\n".join(
        ['"use strict";', f"const SETTINGS = {json.dumps(settings)};", *(_source(name) for name in SCRIPTS)]
    )
    style = _source("page.css")
    page = _template().render(
        name=about["config"]["name"],
        parameters=parameters,
        synthetic=about["config"]["data"]["source"] != "real",
        unsure_below=verdict.UNSURE_BELOW,
        script=script,
        script_hash=_hash(script),
        style=style,
        style_hash=_hash(style),
        program=program,
        weights=weights,
    )
    return page.encode()


def read_page(path: Path) -> nn.Module:
    """The network of a page of this project, from normalised images to logits. No code of the page is run.

    Raises:
        UserError: It is not such a page.
        Exception: Of any kind: its steps or weights are broken.
    """
    content = path.read_bytes()
    parts = PARTS.search(content.decode(errors="replace")) if len(content) <= MOST_BYTES else None
    if parts is None:
        raise UserError(f"{path} holds no network: give a page that python -m fmnist_pl.export wrote")
    described = json.loads(parts["program"])
    tensors = _unpacked(described["tensors"], parts["weights"])
    network = StepsNetwork(Program([Step(**step) for step in described["steps"]], tensors)).eval()
    with torch.inference_mode():
        network(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE))  # raises if a step or a weight is missing
    return network


def _described(program: Program) -> dict[str, Any]:
    """A program as plain data, without the values of its tensors."""
    return {
        "steps": [vars(step) for step in program.steps],
        "tensors": [{"shape": list(tensor.shape), "type": _type_of(tensor)} for tensor in program.tensors],
    }


def _type_of(tensor: Tensor) -> str:
    return "float16" if torch.equal(tensor.half().float(), tensor) else "float32"


def _packed(tensors: list[Tensor]) -> str:
    """All tensors, compressed, in base 85. Bytes of equal rank lie together: those with the exponents compress well."""
    planes = []
    for tensor in tensors:
        kind = TYPES[_type_of(tensor)]
        values = np.ascontiguousarray(tensor.numpy().reshape(-1).astype(kind))
        planes.append(values.view(np.uint8).reshape(-1, kind.itemsize).T.tobytes())
    return base64.b85encode(zlib.compress(b"".join(planes), 9)).decode().translate(SAFE)


def _unpacked(described: list[dict[str, Any]], weights: str) -> list[Tensor]:
    """Tensors from their shapes and types, and their packed values."""
    content = zlib.decompressobj().decompress(
        base64.b85decode(weights.translate(str.maketrans("/,.", "&<>"))), LARGEST_NETWORK
    )
    tensors, start = [], 0
    for tensor in described:
        kind = TYPES[tensor["type"]]
        count = int(np.prod(tensor["shape"], dtype=np.int64))
        end = start + count * kind.itemsize
        planes = np.frombuffer(content[start:end], dtype=np.uint8).reshape(kind.itemsize, count)
        values = np.ascontiguousarray(planes.T).view(kind).reshape(tensor["shape"])
        tensors.append(torch.from_numpy(values.astype(np.float32)))
        start = end
    return tensors


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Digest by which the page's security policy allows this script or style, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(SOURCES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("template.html")
