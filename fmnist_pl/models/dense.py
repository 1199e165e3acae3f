"""Dense networks: flatten, hidden layers, logits."""

from typing import Any

from fmnist_pl.models.classifier import Classifier
from fmnist_pl.networks import build
from fmnist_pl.networks.layers import Activation, Initializer


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
        self.network = build(
            "dense",
            hidden_sizes=hidden_sizes,
            activation=activation,
            kernel_initializer=kernel_initializer,
            dropout=dropout,
            batch_norm=batch_norm,
        )
