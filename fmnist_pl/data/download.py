"""Fetch the four official files, all of them or none."""

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
WAYS_OUT = (
    "give the folder of the four files with --data.root DIR or FMNIST_DATA=DIR, "
    "or train on drawn images with --data.source synthetic"
)


def download(root: Path = DEFAULT_FOLDER) -> Path:
    """Fetch the official files from torchvision's mirrors and check them before any is put in place.

    Args:
        root: The files go to ``FashionMNIST/raw`` below it, as torchvision lays them out.

    Returns:
        The folder that now holds the four gzipped files.

    Raises:
        UserError: There is no network, the transfer broke off, or the disk is full. Nothing is left behind.
    """
    folder = root / TORCHVISION_FOLDER
    try:
        return _download_into(folder)
    except UserError as error:
        raise UserError(f"the download of Fashion-MNIST broke off ({error}); try again, or {WAYS_OUT}") from error
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        raise UserError(f"cannot download Fashion-MNIST into {folder}: {error}; {WAYS_OUT}") from error
    finally:
        with suppress(OSError):  # a folder that is not empty stays
            for made in (folder, *folder.parents[: len(TORCHVISION_FOLDER.parts)]):
                made.rmdir()


def _download_into(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
        _fetch_all(Path(temporary))
        load_folder(Path(temporary), verify=True)
        for file in facts.OFFICIAL_FILES:
            (Path(temporary) / f"{file.name}.gz").replace(folder / f"{file.name}.gz")
    return folder


def _fetch_all(folder: Path) -> None:
    # torchvision takes over half a second to import, and knows the mirrors
    from torchvision.datasets import FashionMNIST
    from torchvision.datasets.utils import download_url

    with _socket_timeout(TIMEOUT_SECONDS):
        for file in facts.OFFICIAL_FILES:
            failure: Exception | None = None
            for mirror in FashionMNIST.mirrors:
                try:
                    download_url(f"{mirror}{file.name}.gz", folder)
                    break
                except OSError as error:
                    failure = error
                    (folder / f"{file.name}.gz").unlink(missing_ok=True)
            else:
                raise failure or RuntimeError("torchvision knows no mirror of it")


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    # torchvision sets none, so that a silent server would hang the run for good
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
