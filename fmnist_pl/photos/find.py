"""Which files a path stands for."""

import glob
from pathlib import Path

from fmnist_pl.errors import UserError


def find_photos(path: str) -> list[Path]:
    """The files of a path, in the order of their names.

    Args:
        path: A file; a folder, for every file right in it that is not hidden; or a pattern (``my/**/*.jpg``).

    Raises:
        UserError: There are none.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        found = [file for file in place.iterdir() if not file.name.startswith(".") and not file.is_dir()]
    elif place.exists():
        found = [place]
    else:
        matches = glob.glob(str(place), recursive=True)  # noqa: PTH207  (Path.glob takes no absolute pattern)
        found = [Path(match) for match in matches if not Path(match).is_dir()]
    if not found:
        raise UserError(f"no photo at {path}: give --data.predict_path a file, a folder of files or a pattern (*.jpg)")
    return sorted(found)
