"""The folder of the page's uploads: the only place from which a request may name a file."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

UPLOADS_ONLY = "only photos that were uploaded to this page are opened"
"""The answer to every other path, whether the file exists or not."""
LONGEST_PATH = 4096  # characters; every part of a path is looked up
RESERVE = 0.05  # fraction of the disk that uploads leave free


@cache
def upload_folder() -> Path:
    """A new folder that only this user may read. Gradio keeps its files there; it is removed when the program ends."""
    folder = Path(tempfile.mkdtemp(prefix="fmnist_pl-page-")).resolve()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def is_upload(path: object) -> bool:
    """Whether a path in a request lies in the upload folder after all links in it are followed."""
    try:
        if not isinstance(path, str) or len(path) > LONGEST_PATH:
            return False
        return Path(path).resolve().is_relative_to(upload_folder())
    except (OSError, RuntimeError, ValueError):  # it cannot be followed: a circle of links, a null byte
        return False


def has_room() -> bool:
    """Whether the disk of the upload folder has room for another upload."""
    disk = shutil.disk_usage(upload_folder())
    return disk.free > RESERVE * disk.total
