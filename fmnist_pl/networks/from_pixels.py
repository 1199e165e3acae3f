"""A network with all that stands around it when it is used."""

from torch import Tensor, nn

from fmnist_pl.data.loader import normalise


class FromPixels(nn.Module):
    """From pixels to probabilities: scaling and normalisation before the network, softmax after it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1, 28, 28) to float32 probabilities (N, classes)."""
        return self.network(normalise(images.float() / 255)).float().softmax(dim=1)
