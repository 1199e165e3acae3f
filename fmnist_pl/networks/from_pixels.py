"""A network with the steps around it in use: scaling and normalisation before it, softmax after it."""

from torch import Tensor, nn

from fmnist_pl.data.loader import normalise


class FromPixels(nn.Module):
    """From uint8 pixels to probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1, 28, 28) to float32 probabilities (N, 10)."""
        return self.network(normalise(images.float() / 255)).float().softmax(dim=1)
