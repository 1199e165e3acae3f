"""Convolutional networks: blocks of convolutions, dense layers, logits."""

from typing import Any, Literal

from fmnist_pl.models.classifier import Classifier
from fmnist_pl.networks import build
from fmnist_pl.networks.layers import Activation, Initializer


class CNNClassifier(Classifier):
    """A network of convolutional blocks; each block may end in a 2x2 pooling and dropout."""

    def __init__(
        self,
        blocks: list[list[int]] = [[32, 32], [64, 64]],  # noqa: B006  (never changed; a list is what the config holds)
        kernel_size: int | list[int] = 3,
        padding: Literal["same", "valid"] = "same",
        pooling: Literal["max", "avg", "none"] = "max",
        conv_bias: bool = True,
        hidden_sizes: list[int] = [128],  # noqa: B006
        activation: Activation = "relu",
        kernel_initializer: Initializer = "glorot_uniform",
        batch_norm: bool = False,
        conv_dropout: float = 0.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Build the network.

        Args:
            blocks: For each block, the filters of its convolutions.
            kernel_size: Side of the kernels, one for all or one for each convolution.
            padding: Keep the size of the picture (same) or lose its rim at each convolution (valid).
            pooling: How each block halves the picture at its end; none to keep its size.
            conv_bias: Whether convolutions have a bias.
            hidden_sizes: Units of the dense layers between the blocks and the logits.
            activation: After each convolution and hidden dense layer.
            kernel_initializer: How the weights start, named and scaled as in Keras.
            batch_norm: Normalise before each activation.
            conv_dropout: Chance to drop a whole feature map at the end of each block.
            dropout: Chance to drop a unit after each hidden dense layer.
            kwargs: What all classifiers share.
        """
        super().__init__(**kwargs)
        self.network = build(
            "cnn",
            blocks=blocks,
            kernel_size=kernel_size,
            padding=padding,
            pooling=pooling,
            conv_bias=conv_bias,
            hidden_sizes=hidden_sizes,
            activation=activation,
            kernel_initializer=kernel_initializer,
            batch_norm=batch_norm,
            conv_dropout=conv_dropout,
            dropout=dropout,
        )
