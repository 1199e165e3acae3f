"""The networks in plain PyTorch, without Lightning: what remains of a model when it is used."""

from fmnist_pl.networks.recipe import build, recipe_of

__all__ = ["build", "recipe_of"]
