"""Facts about the Fashion-MNIST data set: names, sizes, digests, statistics."""

from typing import NamedTuple

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The ten official class names; the position is the label."""

IMAGE_SIZE = 28
"""Height and width of an image, in pixels."""

PIXEL_MEAN = 0.2860
PIXEL_STD = 0.3530
"""Mean and standard deviation of the 60,000 training images, pixels scaled to 0..1."""


class IdxFile(NamedTuple):
    """One of the four official files, by its name without ``.gz``."""

    name: str
    sha256: str
    """Digest of the unpacked bytes: the same for the plain file and for any gzip of it."""


TRAIN_IMAGES = IdxFile("train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888")
TRAIN_LABELS = IdxFile("train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9")
TEST_IMAGES = IdxFile("t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b")
TEST_LABELS = IdxFile("t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34")
OFFICIAL_FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
