"""Read the networks of saved files: checkpoints of ``train.py fit`` and safetensors exports. Needs no Lightning.

Nothing in a file is run: tensors are read without pickle, and a class is taken from this package or, for a network of
your own, from a module that is imported already.
"""

import contextlib
import importlib
import inspect
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fmnist_pl import networks
from fmnist_pl.config import Config
from fmnist_pl.errors import UserError

LONGEST_CONFIG = 100_000
"""Characters of a config in a safetensors file; a longer one is not from this project."""


@dataclass(frozen=True)
class Checkpoint:
    """Content of a checkpoint of ``train.py fit``, as far as an evaluation needs it."""

    path: Path
    config: Config
    """The complete config of its run."""
    state_dict: dict[str, Tensor]
    """Weights of the classifier (averaged weights where the run kept an average)."""
    epoch: int
    """The epoch after which it was saved, from 0."""
    history: list[dict[str, float]]
    """Metrics of each epoch up to this one."""

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of its epoch: ``val/acc`` etc.; empty if the epoch had none."""
        return next((epoch for epoch in reversed(self.history) if epoch["epoch"] == self.epoch), {})

    def network(self) -> nn.Module:
        """Rebuild the network, in float32 on the CPU, in eval mode.

        Raises:
            UserError: Its class is not known, or the weights do not fit the config.
        """
        prefix = "network."
        weights = {name.removeprefix(prefix): t for name, t in self.state_dict.items() if name.startswith(prefix)}
        return _build(network_of(self.config["model"], self.path), weights, self.path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        UserError: There is no such file, or it is not a checkpoint of this project.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint {path}: give the path of a .ckpt file (runs/<name>/version_N/checkpoints/...)")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise UserError(f"{path} cannot be read as a checkpoint ({type(error).__name__}): is it complete?") from error
    if not isinstance(content, dict) or "config" not in content:
        raise UserError(f"{path} holds no config: it was not written by this project's train.py fit")
    return Checkpoint(
        path, content["config"], content["state_dict"], int(content["epoch"]), list(content.get("history", []))
    )


def network_of(model: Config, path: Path) -> Config:
    """Class and arguments of the network that the ``model`` block of a config trains.

    Args:
        model: ``{"class_path": ..., "init_args": ...}``.
        path: The file that holds it, for messages.

    Returns:
        ``{"class_path": "fmnist_pl.networks.Dense", "init_args": ...}``, complete and plain.

    Raises:
        UserError: The class is not known.
    """
    arguments = model.get("init_args", {})
    if "network" in arguments:
        return arguments["network"]
    name = model["class_path"].rpartition(".")[2].removesuffix("Classifier")
    if name not in networks.__all__:
        raise UserError(f"{path} holds a {model['class_path']}, which is not known here: import its module first")
    accepted = inspect.signature(getattr(networks, name)).parameters
    return {
        "class_path": f"{networks.__name__}.{name}",
        "init_args": {key: value for key, value in arguments.items() if key in accepted},
    }


def about_safetensors(path: Path) -> dict[str, Any]:
    """What a safetensors export says of itself: ``network`` (class and arguments), ``classes``, ``config``.

    Raises:
        UserError: It was not made by fmnist_pl.export.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    names = ("network", "classes", "config")
    if not all(1 <= len(metadata.get(name, "")) <= LONGEST_CONFIG for name in names):
        raise UserError(f"{path} does not say which network its weights are of: make it anew with fmnist_pl.export")
    return {name: json.loads(metadata[name]) for name in names}


def read_safetensors(path: Path) -> nn.Module:
    """The network of a safetensors export, in float32 even if the file holds half precision, in eval mode.

    Raises:
        UserError: It was not made by fmnist_pl.export, or the weights do not fit the network.
    """
    from safetensors.torch import load_file

    weights = {name: t.float() if t.is_floating_point() else t for name, t in load_file(path).items()}
    return _build(about_safetensors(path)["network"], weights, path)


def _build(network: Config, weights: dict[str, Tensor], path: Path) -> nn.Module:
    kind, is_own = _class_of(network["class_path"], path)
    # on the meta device no memory is allocated, however large a network the file asks for
    with torch.device("meta") if is_own else contextlib.nullcontext():
        built: nn.Module = kind(**network.get("init_args", {}))
    try:
        built.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise UserError(f"{path} does not fit the {kind.__name__} of its own config: is it complete?") from error
    return built.to(memory_format=torch.channels_last).eval()


def _class_of(class_path: str, path: Path) -> tuple[Any, bool]:
    """The class of a network, and whether it is one of this package.

    Only subclasses of torch.nn.Module are called, so that a file cannot name any other function.
    """
    module_name, _, name = class_path.rpartition(".")
    is_own = module_name == networks.__name__ or module_name.startswith(f"{networks.__name__}.")
    module = importlib.import_module(module_name) if is_own else sys.modules.get(module_name)
    kind = getattr(module, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, nn.Module)):
        raise UserError(f"{path} holds a {class_path}, which is not known here: import its module first")
    return kind, is_own
