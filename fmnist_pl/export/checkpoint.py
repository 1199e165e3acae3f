"""A checkpoint's network and what its run says of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fmnist_pl.errors import UserError
from fmnist_pl.models import Classifier
from fmnist_pl.training.arguments import OF_THE_MODEL
from fmnist_pl.training.checkpoints import figures_of, load_config


@dataclass(frozen=True)
class Trained:
    """A trained network, in float32 on the CPU."""

    network: nn.Module
    config: dict[str, Any]
    """The keys of its run, less those of the machine that it was trained on."""

    figures: dict[str, float]
    """Of the epoch it was saved after: ``val/acc`` and the like."""


def load_checkpoint(path: Path) -> Trained:
    """Read a checkpoint; nothing in it is run.

    Raises:
        UserError: There is no such file, it is no checkpoint of this project, or its model is not known here.
    """
    config = load_config(path)
    class_path, arguments = config["model"]["class_path"], config["model"].get("init_args", {})
    known = {kind.__name__: kind for kind in _subclasses(Classifier)}
    name = class_path.rpartition(".")[2]
    if name not in known:
        raise UserError(f"{path} holds a {class_path}, which is not known here: import its module first")
    model = known[name](**arguments)
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path} does not fit the {name} of its own config: is it complete?") from error
    kept = {key: config[key] for key in OF_THE_MODEL} | {"data": config["data"] | {"root": None}}
    return Trained(model.network.eval(), kept, figures_of(str(path)) or {})


def _subclasses(kind: type[Classifier]) -> list[type[Classifier]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _subclasses(child))]
