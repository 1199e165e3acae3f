"""The network that the Keras Tuner project searched: two convolutions without pooling, one dense layer."""

from typing import Any

from fmnist_pl.models.cnn import CNNClassifier


class TunerCNNClassifier(CNNClassifier):
    """Two convolutions of valid padding, no pooling, one dense layer; each number a key that a search can vary."""

    def __init__(
        self,
        filters_1: int = 32,
        kernel_1: int = 3,
        filters_2: int = 48,
        kernel_2: int = 3,
        dense_units: int = 48,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Build the network.

        Args:
            filters_1: Filters of the first convolution (searched: 32 to 128, step 16).
            kernel_1: Side of its kernels (3 or 5).
            filters_2: Filters of the second convolution (32 to 64, step 16).
            kernel_2: Side of its kernels (3 or 5).
            dense_units: Units of the dense layer (32 to 128, step 16).
            dropout: Chance to drop a unit of the dense layer.
            kwargs: What all classifiers share.
        """
        super().__init__(
            blocks=[[filters_1, filters_2]],
            kernel_size=[kernel_1, kernel_2],
            padding="valid",
            pooling="none",
            hidden_sizes=[dense_units],
            dropout=dropout,
            **kwargs,
        )
