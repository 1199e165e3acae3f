"""Build a network by name, and keep with it how it was built, so that a file of weights can say what they fit."""

from collections.abc import Callable
from typing import Any

from torch import nn

from fmnist_pl.errors import UserError
from fmnist_pl.networks.cnn import cnn
from fmnist_pl.networks.dense import dense
from fmnist_pl.networks.strided_cnn import strided_cnn

NETWORKS: dict[str, Callable[..., nn.Module]] = {"cnn": cnn, "dense": dense, "strided_cnn": strided_cnn}


def build(kind: str, **arguments: Any) -> nn.Module:
    """Build a network.

    Args:
        kind: A name in `NETWORKS`.
        arguments: All of that function's.

    Raises:
        UserError: There is no such network, or its arguments are no sound ones.
    """
    if kind not in NETWORKS:
        raise UserError(f"no network is named {kind}: there are {', '.join(NETWORKS)}")
    network = NETWORKS[kind](**arguments)
    network.recipe = {"kind": kind, **arguments}  # type: ignore[assignment]
    return network


def recipe_of(network: nn.Module) -> dict[str, Any] | None:
    """What `build` was called with, as plain data; ``None`` for a network that was made otherwise."""
    recipe: Any = getattr(network, "recipe", None)
    return recipe
