"""``train.py predict --data.predict_path``: weights that ship with the package, and the output for photos."""

import sys
from pathlib import Path

from torch import Tensor

from fmnist_pl.errors import UserError
from fmnist_pl.export.read import read_network
from fmnist_pl.models import Classifier
from fmnist_pl.photos.files import Photos
from fmnist_pl.photos.output import photo_table, write_photo_predictions
from fmnist_pl.photos.verdict import verdicts_of
from fmnist_pl.weights import SHIPPED


def load_shipped(model: Classifier) -> None:
    """Load the weights that ship with the package into a model."""
    model.network.load_state_dict(read_network(SHIPPED).state_dict())


def report_photos(photos: Photos, probabilities: Tensor, folder: Path, show: bool) -> None:
    """Print a table of the predictions, write the files, and print which photos were refused.

    Args:
        photos: The predicted photos.
        probabilities: float (N, classes).
        folder: The run's folder.
        show: Whether to draw contact sheets.

    Raises:
        UserError: Some files were refused; the output for the others is written.
    """
    verdicts = verdicts_of(photos.images, probabilities)
    print(photo_table(photos, verdicts))
    write_photo_predictions(folder, photos, verdicts)
    sheets: list[Path] = []
    if show:
        from fmnist_pl.photos.contact_sheet import write_contact_sheets  # imports matplotlib

        sheets = write_contact_sheets(folder, photos, verdicts)
    print(f"\nfiles: {folder / 'predictions.csv'}, predictions.json{''.join(f', {sheet.name}' for sheet in sheets)}")
    for path, reason in photos.refused.items():
        print(f"refused {path}: {reason}", file=sys.stderr)
    if photos.refused:
        total = len(photos.refused) + len(photos.paths)
        raise UserError(
            f"{len(photos.refused)} of {total} files could not be read as photos (listed above); "
            "the other files are predicted"
        )
