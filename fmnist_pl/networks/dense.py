"""Dense networks: flatten, hidden layers, logits."""

from torch import nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.networks.layers import Activation, Initializer, dense_layers, initialize


class Dense(nn.Sequential):
    """Dense layers on the flattened image: (B, 1, 28, 28) to logits (B, 10).

    Args:
        hidden_sizes: Units of each hidden layer; [] for a linear model.
        activation: After each hidden layer.
        kernel_initializer: Initial weights, named and scaled as in Keras.
        dropout: Probability to drop a unit after each hidden layer.
        batch_norm: Batch normalisation before each activation.
    """

    def __init__(
        self,
        hidden_sizes: list[int] = [128],  # noqa: B006  (never changed; a list is what the config holds)
        activation: Activation = "relu",
        kernel_initializer: Initializer = "glorot_uniform",
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__(nn.Flatten(), *dense_layers(IMAGE_SIZE**2, hidden_sizes, activation, dropout, batch_norm))
        initialize(self, kernel_initializer)
