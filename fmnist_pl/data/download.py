"""Download the four official files, all of them or none."""

import http.client
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fmnist_pl.data import facts
from fmnist_pl.data.folder import DEFAULT_FOLDER, TORCHVISION_FOLDER, load_folder
from fmnist_pl.errors import UserError

TIMEOUT_SECONDS = 30.0
ALTERNATIVES = (
    "give the folder of the four files with --data.root DIR or FMNIST_DATA=DIR, "
    "or train on synthetic images with --data.source synthetic"
)


def download(root: Path = DEFAULT_FOLDER) -> Path:
    """Download the official files from torchvision's mirrors and check them before any is put in place.

    Args:
        root: The files go to ``FashionMNIST/raw`` below it, as torchvision lays them out.

    Returns:
        The folder that now holds the four gzipped files.

    Raises:
        UserError: There is no network, the transfer failed, or the disk is full. Nothing is left behind.
    """
    folder = root / TORCHVISION_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            _download_into(Path(temporary))
            downloaded = Path(temporary) / TORCHVISION_FOLDER
            load_folder(downloaded, verify=True)
            for file in facts.OFFICIAL_FILES:
                (downloaded / f"{file.name}.gz").replace(folder / f"{file.name}.gz")
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"cannot download Fashion-MNIST into {folder}: {reason}; try again, {ALTERNATIVES}") from error
    finally:
        with suppress(OSError):  # a folder that is not empty stays
            for made in (folder, *folder.parents[: len(TORCHVISION_FOLDER.parts)]):
                made.rmdir()
    return folder


def _download_into(folder: Path) -> None:
    from torchvision.datasets import FashionMNIST  # takes half a second to import

    with _socket_timeout(TIMEOUT_SECONDS):
        FashionMNIST(folder, download=True)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    # torchvision sets none, so that a silent server would block the run forever
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
