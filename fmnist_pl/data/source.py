"""Load the images of a source: real ones, synthetic ones, or real ones if they are available."""

import sys
from pathlib import Path

from fmnist_pl.data.download import ALTERNATIVES, download
from fmnist_pl.data.folder import find_folder, load_folder
from fmnist_pl.data.images import TrainAndTest
from fmnist_pl.data.synthetic import draw
from fmnist_pl.errors import UserError

BANNER = """
################################################################################
##                                                                            ##
##   SYNTHETIC DATA: the real Fashion-MNIST is not available, so this run     ##
##   uses DRAWN silhouettes. Its accuracy says NOTHING about Fashion-MNIST.   ##
##                                                                            ##
################################################################################
why: {reason}
"""


def load(
    source: str, root: Path | None, verify: bool, synthetic_size: int, seed: int, may_download: bool
) -> TrainAndTest:
    """Load the images.

    Args:
        source: ``real``, ``synthetic``, or ``auto`` (real if available, else synthetic, with a banner).
        root: Folder of the real files; ``None`` for the usual places.
        verify: Whether the real files must be the official ones.
        synthetic_size: Number of synthetic training images.
        seed: Of the synthetic images.
        may_download: Whether to download missing files; one process of a run does.

    Raises:
        UserError: The images are not available, or are damaged.
    """
    if source == "synthetic":
        return draw(synthetic_size, seed)
    folder = find_folder(root)
    if folder is None:
        try:
            if not may_download:
                raise UserError(f"no Fashion-MNIST in ./data; {ALTERNATIVES}")
            folder = download()
        except UserError as error:
            if source != "auto":
                raise
            if may_download:
                print(BANNER.format(reason=error), file=sys.stderr, flush=True)
            return draw(synthetic_size, seed)
    return load_folder(folder, verify)
