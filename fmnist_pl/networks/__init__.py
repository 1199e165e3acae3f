"""The networks in plain PyTorch, without Lightning: each maps normalised images (B, 1, 28, 28) to logits (B, 10)."""

from fmnist_pl.networks.cnn import CNN, TunerCNN
from fmnist_pl.networks.dense import Dense
from fmnist_pl.networks.residual import ResidualCNN
from fmnist_pl.networks.separable import SeparableCNN
from fmnist_pl.networks.strided_cnn import StridedCNN

__all__ = ["CNN", "Dense", "ResidualCNN", "SeparableCNN", "StridedCNN", "TunerCNN"]
