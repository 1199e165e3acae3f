"""Read the networks of saved files: checkpoints of ``train.py fit`` and safetensors exports. Needs no Lightning.

Nothing in a file is run: tensors are read without pickle, and a class is taken from this package or, for a network of
your own, from a module that is imported already.
"""

import copy
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
from fmnist_pl.bounds import check_bounds
from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.networks.checkpoint_file import check_finite, load_checkpoint_file

REMOVED_KEYS = {"model.init_args.num_classes": 10, "data.augment.crop_padding": 0}
"""Keys of earlier releases that are gone, and the only value of each that today's code reproduces."""

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

    @property
    def is_of_this_package(self) -> bool:
        """Whether its network is one of `fmnist_pl.networks`."""
        model = self.config["model"]
        network = model["init_args"].get("network")
        class_path = network.get("class_path") if isinstance(network, dict) else model["class_path"]
        return str(class_path).startswith(f"{__name__.partition('.')[0]}.")

    def network(self) -> nn.Module:
        """Rebuild the network, in float32 on the CPU, in eval mode.

        Raises:
            UserError: Its class is not known, or the weights do not fit the config.
        """
        prefix = "network."
        weights = {name.removeprefix(prefix): t for name, t in self.state_dict.items() if name.startswith(prefix)}
        return _build(network_of(self.config["model"], self.path), weights, self.path)


def import_network_module(module: str) -> None:
    """Import your module that defines a network, so that files which name the network can be read.

    Raises:
        UserError: It cannot be imported.
    """
    sys.path.append("")  # the working folder, as ``python -m`` has it and an installed command has not
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"--network_module {module} cannot be imported: {error}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        UserError: There is no such file, it is not a sound checkpoint of this project, or its weights are not finite.
    """
    content = load_checkpoint_file(path)
    return Checkpoint(
        path,
        _without_removed_keys(content["config"], path),
        content["state_dict"],
        content["epoch"],
        content.get("history", []),
    )


def _without_removed_keys(config: Config, path: Path) -> Config:
    config = copy.deepcopy(config)
    for key, value in REMOVED_KEYS.items():
        *parts, last = key.split(".")
        node: Any = config
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict) and node.pop(last, value) != value:
            raise UserError(f"{path} was trained with {key}, which is no longer supported: train it again")
    return config


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
    if isinstance(arguments.get("network"), dict):
        network: Config = arguments["network"]
        return network
    name = model["class_path"].rpartition(".")[2].removesuffix("Classifier")
    if name not in networks.__all__:
        raise _unknown(model["class_path"], path)
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

    return _build(about_safetensors(path)["network"], load_file(path), path)


def _build(network: Config, weights: dict[str, Tensor], path: Path) -> nn.Module:
    """Build a network and give it these weights, in float32; the memory for it is known before it is taken.

    Raises:
        UserError: Its class is not known or refuses its arguments, or the weights do not fit it or are not finite.
    """
    kind, is_own = _class_of(network, path)
    arguments = network.get("init_args") or {}
    check_finite(weights, path)
    weights = {name: t.float() if t.is_floating_point() else t for name, t in weights.items()}
    try:
        if is_own:
            check_bounds({"model": arguments})
        with torch.device("meta"):  # takes no memory, however large a network the file asks for
            built: nn.Module = kind(**arguments)
    except UserError as error:
        raise UserError(f"{path} does not fit a {kind.__name__}: {error}") from error
    except Exception as error:
        if is_own:
            reason = " ".join(str(error).split())[:150]
            raise UserError(f"{path}: {kind.__name__} refuses the arguments in it: {reason}; train it again") from error
        return _with_weights(kind(**arguments), weights, path)  # a network of your own that needs real memory
    built = _with_weights(built, weights, path)
    return built if is_own else _with_weights(kind(**arguments), weights, path)


def _with_weights(network: nn.Module, weights: dict[str, Tensor], path: Path) -> nn.Module:
    expected = network.state_dict()
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise UserError(
            f"{path} does not fit the {type(network).__name__} of its own config: is it complete?"
        ) from error
    if any(weights[name].is_floating_point() != tensor.dtype.is_floating_point for name, tensor in expected.items()):
        raise UserError(f"{path} holds weights that are no real numbers: is it complete?")
    return network.to(memory_format=torch.channels_last).eval()


def _class_of(network: Config, path: Path) -> tuple[Any, bool]:
    """The class of a network, and whether it is one of this package.

    Only subclasses of torch.nn.Module are called, so that a file cannot name any other function.
    """
    class_path = network.get("class_path") if isinstance(network, dict) else None
    module_name, _, name = str(class_path).rpartition(".")
    is_own = module_name == networks.__name__ or module_name.startswith(f"{networks.__name__}.")
    try:
        module = importlib.import_module(module_name) if is_own else sys.modules.get(module_name)
    except ImportError:
        module = None
    kind = getattr(module, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, nn.Module)) or not isinstance(
        network.get("init_args") or {}, dict
    ):
        raise _unknown(class_path, path)
    return kind, is_own


def _unknown(class_path: Any, path: Path) -> UserError:
    shown = ascii(class_path)[:100].strip("'")  # without characters that a terminal obeys
    return UserError(f"{path} holds a {shown}, which is not known here: import its module first")
