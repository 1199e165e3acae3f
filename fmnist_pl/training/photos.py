"""``train.py predict --data.predict_path``: classify photos, print and write what they show."""

import sys

import torch

from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import read_safetensors
from fmnist_pl.photos.load import Photos, load_photos
from fmnist_pl.photos.verdict import judge
from fmnist_pl.reporting.photo_predictions import draw_contact_sheets, table, write_photo_predictions
from fmnist_pl.reporting.predictions_file import concatenate
from fmnist_pl.training.hardware import short_precision
from fmnist_pl.training.options import Options
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
    print(f"predict {options.config.name}: photos of {data.predict_path}, {device.type}, {precision}", flush=True)
    images = LabelledImages(photos.images, torch.zeros(len(photos.images), dtype=torch.long))
    batches = trainer.predict(model, BatchLoader(images, data.eval_batch_size, device=device), **options.call)
    if batches and not trainer.fast_dev_run:
        _, probabilities = concatenate(batches)
        _write(options, photos, probabilities)


def _write(options: Options, photos: Photos, probabilities: torch.Tensor) -> None:
    folder = run_folder(options.trainer)
    verdicts = judge(photos.images, probabilities)
    print(table(photos, verdicts))
    write_photo_predictions(folder, photos, verdicts)
    sheets = draw_contact_sheets(folder, photos, verdicts) if options.config.show else []
    print(f"\nfiles: {folder / 'predictions.csv'}, predictions.json{''.join(f', {sheet.name}' for sheet in sheets)}")
    for path, reason in photos.refused.items():
        print(f"refused {path}: {reason}", file=sys.stderr)
    if photos.refused:
        total = len(photos.refused) + len(photos.paths)
        raise UserError(f"{len(photos.refused)} of {total} files are not photos (listed above); the others are done")
