"""``train.py predict --data.predict_path``: classify photos, print and write what they show."""

import sys
from pathlib import Path

import torch
from torch import Tensor

from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.errors import UserError
from fmnist_pl.foreign_text import printable
from fmnist_pl.networks.saved import read_safetensors
from fmnist_pl.photos.files import Photos, load_photos
from fmnist_pl.photos.output import photo_table, write_photo_predictions
from fmnist_pl.photos.verdict import verdicts_of
from fmnist_pl.training.number_format import short_precision
from fmnist_pl.training.options import Options
from fmnist_pl.training.predictions import concatenate
from fmnist_pl.training.run_folder import run_folder
from fmnist_pl.weights import SHIPPED


def predict_photos(options: Options) -> None:
    """Classify the photos of ``data.predict_path``, with the weights in the package if no checkpoint is given.

    Raises:
        UserError: There are no photos, or some files cannot be read; all others are done then.
    """
    trainer, model, data = options.trainer, options.model, options.datamodule
    assert data.predict_path is not None, "predict of photos"
    photos = load_photos(data.predict_path)
    if options.config.ckpt_path is None:
        model.network.load_state_dict(read_safetensors(SHIPPED).state_dict())
    device, precision = trainer.strategy.root_device, short_precision(str(trainer.precision))
    print(
        f"predict {options.config.name}: photos of {printable(data.predict_path)}, {device.type}, {precision}",
        flush=True,
    )
    images = LabelledImages(photos.images, torch.zeros(len(photos.images), dtype=torch.long))
    batches = trainer.predict(model, BatchLoader(images, data.eval_batch_size, device=device), **options.call)
    if batches and not trainer.fast_dev_run:
        _, probabilities = concatenate(batches)
        _write(options, photos, probabilities)


def _write(options: Options, photos: Photos, probabilities: Tensor) -> None:
    """Print a table of the predictions, write the files, and print which files were refused."""
    folder = run_folder(options.trainer)
    verdicts = verdicts_of(photos.images, probabilities)
    print(photo_table(photos, verdicts))
    write_photo_predictions(folder, photos, verdicts)
    sheets: list[Path] = []
    if options.config.show:
        from fmnist_pl.photos.contact_sheet import write_contact_sheets  # imports matplotlib

        sheets = write_contact_sheets(folder, photos, verdicts)
    print(f"\nfiles: {folder / 'predictions.csv'}, predictions.json{''.join(f', {sheet.name}' for sheet in sheets)}")
    for path, reason in photos.refused.items():
        print(printable(f"refused {path}: {reason}"), file=sys.stderr)
    if photos.refused:
        total = len(photos.refused) + len(photos.paths)
        raise UserError(
            f"{len(photos.refused)} of {total} files could not be read as photos (listed above); "
            "the other files are predicted"
        )
