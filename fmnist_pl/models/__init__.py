"""The LightningModules: `Classifier` trains any network; the others name one, so that its arguments are short flags."""

from fmnist_pl.models.classifier import Classifier, NamedClassifier
from fmnist_pl.networks import CNN, Dense, ResidualCNN, SeparableCNN, StridedCNN, TunerCNN


class DenseClassifier(NamedClassifier, network_class=Dense):
    """Dense layers on the flattened image."""


class CNNClassifier(NamedClassifier, network_class=CNN):
    """Convolutional blocks, each with optional 2x2 pooling and dropout at its end."""


class TunerCNNClassifier(NamedClassifier, network_class=TunerCNN):
    """The network that the Keras Tuner project searched: each of its numbers is a key that a search can vary."""


class StridedCNNClassifier(NamedClassifier, network_class=StridedCNN):
    """The network for the shortest training: a strided stem, convolutions, a global maximum."""


class ResidualCNNClassifier(NamedClassifier, network_class=ResidualCNN):
    """A residual network: basic blocks with batch norm, a global mean."""


class SeparableCNNClassifier(NamedClassifier, network_class=SeparableCNN):
    """A network of few parameters: depthwise-separable convolutions, a global mean."""


__all__ = [
    "CNNClassifier", "Classifier", "DenseClassifier", "NamedClassifier", "ResidualCNNClassifier",
    "SeparableCNNClassifier", "StridedCNNClassifier", "TunerCNNClassifier",
]  # fmt: skip
