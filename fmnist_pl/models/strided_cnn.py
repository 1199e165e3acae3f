"""The network for the shortest training: a strided stem, four convolutions, a global maximum."""

from typing import Any

from fmnist_pl.models.classifier import Classifier
from fmnist_pl.networks import build
from fmnist_pl.networks.layers import Activation
from fmnist_pl.networks.stems import Stem


class StridedCNNClassifier(Classifier):
    """Convolutions with batch norm on pictures halved at once; the maximum over places goes to the logits."""

    def __init__(
        self,
        filters: list[int] = [32, 64, 128, 128],  # noqa: B006  (never changed; a list is what the config holds)
        stem: Stem = "learned",
        stem_kernel: int = 4,
        activation: Activation = "gelu",
        norm_momentum: float = 0.4,
        **kwargs: Any,
    ) -> None:
        """Build the network.

        Args:
            filters: Of each convolution; the first is the stem, those between it and the last end in a 2x2 max-pool.
            stem: What the first convolution is: learned, or cosine patterns that stay as they are, which spares the way
                back through the largest pictures.
            stem_kernel: Side of the stem's kernels, which stand two pixels apart.
            activation: After each convolution.
            norm_momentum: How fast batch norm's running statistics follow; a short training needs them fast.
            kwargs: What all classifiers share.
        """
        super().__init__(**kwargs)
        self.network = build(
            "strided_cnn",
            filters=filters,
            stem=stem,
            stem_kernel=stem_kernel,
            activation=activation,
            norm_momentum=norm_momentum,
        )
