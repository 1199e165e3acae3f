"""Dense networks: flatten, hidden layers, logits."""

from typing import Any

from torch import nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.models.base import Classifier
from fmnist_pl.models.layers import Activation, Initializer, dense_layers, initialize


class DenseClassifier(Classifier):
    """A network of dense layers on the flattened image."""

    def __init__(
        self,
        hidden_sizes: list[int] = [128],  # noqa: B006  (never changed; a list is what the config holds)
        activation: Activation = "relu",
        kernel_initializer: Initializer = "glorot_uniform",
        dropout: float = 0.0,
        batch_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        """Build the network.

        Args:
            hidden_sizes: Units of each hidden layer; [] for a linear model.
            activation: After each hidden layer.
            kernel_initializer: How the weights start, named and scaled as in Keras.
            dropout: Chance to drop a unit after each hidden layer.
            batch_norm: Normalise before each activation.
            kwargs: What all classifiers share.
        """
        super().__init__(**kwargs)
        layers = dense_layers(IMAGE_SIZE**2, hidden_sizes, self.num_classes, activation, dropout, batch_norm)
        self.network = nn.Sequential(nn.Flatten(), *layers)
        initialize(self.network, kernel_initializer)
