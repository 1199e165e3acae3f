"""The architectures. A new one: a file here, a line below, a config in configs/."""

from fmnist_pl.models.classifier import Classifier
from fmnist_pl.models.cnn import CNNClassifier
from fmnist_pl.models.cnn_tuner import TunerCNNClassifier
from fmnist_pl.models.dense import DenseClassifier
from fmnist_pl.models.strided_cnn import StridedCNNClassifier

__all__ = ["CNNClassifier", "Classifier", "DenseClassifier", "StridedCNNClassifier", "TunerCNNClassifier"]
