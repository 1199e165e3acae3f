"""Dense networks: flatten, hidden layers, logits."""

from torch import nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.networks.layers import Activation, Initializer, dense_layers, initialize


def dense(
    hidden_sizes: list[int],
    activation: Activation,
    kernel_initializer: Initializer,
    dropout: float,
    batch_norm: bool,
) -> nn.Module:
    """From (B, 1, 28, 28) to logits (B, classes); the arguments are those of `DenseClassifier`."""
    layers = dense_layers(IMAGE_SIZE**2, hidden_sizes, activation, dropout, batch_norm)
    network = nn.Sequential(nn.Flatten(), *layers)
    initialize(network, kernel_initializer)
    return network
