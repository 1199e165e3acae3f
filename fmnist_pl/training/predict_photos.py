"""``train.py predict --data.predict_path``: what is told and written once the photos are classified."""

import sys
from pathlib import Path

from torch import Tensor

from fmnist_pl.errors import UserError
from fmnist_pl.export.read import read_network
from fmnist_pl.models import Classifier
from fmnist_pl.photos.load import Photos
from fmnist_pl.photos.verdict import judge
from fmnist_pl.reporting.photo_predictions import draw_contact_sheets, table, write_photo_predictions
from fmnist_pl.weights import SHIPPED


def load_shipped(model: Classifier) -> None:
    """Give a model the weights that come with the package."""
    model.network.load_state_dict(read_network(SHIPPED).state_dict())


def tell_photos(photos: Photos, probabilities: Tensor, folder: Path, show: bool) -> None:
    """Print the table, write the files, and tell which photos could not be read.

    Args:
        photos: What was classified.
        probabilities: (N, classes).
        folder: Of the run.
        show: Whether to draw contact sheets.

    Raises:
        UserError: Some files could not be read; all others are done then.
    """
    verdicts = judge(photos.images, probabilities)
    print(table(photos, verdicts))
    write_photo_predictions(folder, photos, verdicts)
    sheets = draw_contact_sheets(folder, photos, verdicts) if show else []
    print(f"\nfiles: {folder / 'predictions.csv'}, predictions.json{''.join(f', {sheet.name}' for sheet in sheets)}")
    for path, reason in photos.refused.items():
        print(f"refused {path}: {reason}", file=sys.stderr)
    if photos.refused:
        total = len(photos.refused) + len(photos.paths)
        raise UserError(f"{len(photos.refused)} of {total} files are no photos (told above); the others are done")
