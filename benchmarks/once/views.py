"""What does a mirror do to each class? ``python benchmarks/views.py --ckpt_path A.ckpt B.ckpt``

The accuracy of each class on images as they are, mirrored left to right, and by the mean of the probabilities of both
views; for one or several checkpoints (of trainings with and without mirrored images, say), by default the weights that
ship. On the validation images of each one's own config; ``--test`` is for telling what was chosen on those.
"""

import argparse
import sys
from pathlib import Path

from parts.result import write_json
from torch import Tensor

from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.errors import UserError
from fmnist_pl.export.checkpoint import Trained, load_checkpoint
from fmnist_pl.export.read import about_safetensors, read_network
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED

MEAN = "all ten"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt_path", type=Path, nargs="+", default=[SHIPPED], help="Checkpoints, side by side.")
    parser.add_argument("--test", action="store_true", help="On the test images.")
    parser.add_argument("--json", default="runs/benchmarks/views.json", help="Where the figures go.")
    options = parser.parse_args()
    columns: dict[str, dict[str, float]] = {}
    for number, path in enumerate(options.ckpt_path, 1):
        trained = _trained(path)
        images = _images(trained, options.test)
        chance = trained.config["data"]["augment"]["horizontal_flip"]
        stage = "test" if options.test else "validation"
        print(f"{number}: {path}, trained with horizontal_flip {chance}; {len(images):,} {stage} images")
        found = _accuracies(Predictor(FromPixels(trained.network)), images)
        columns |= {f"{number} {view}": accuracies for view, accuracies in found.items()}
    print(f"| class | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for name in (*CLASSES, MEAN):
        print(f"| {name} | {' | '.join(f'{column[name]:.4f}' for column in columns.values())} |")
    write_json(options.json, {"ckpt_path": list(map(str, options.ckpt_path)), "test": options.test, "views": columns})
    print(f"figures: {options.json}")


def _trained(path: Path) -> Trained:
    if path.suffix != ".safetensors":
        return load_checkpoint(path)
    return Trained(read_network(path), about_safetensors(path)["config"], {})


def _images(trained: Trained, test: bool) -> LabelledImages:
    """The test images of the data set that it was trained on, or the part of it that was kept for validation."""
    keys = {key: value for key, value in trained.config["data"].items() if key != "augment"}
    data = FashionMNISTDataModule(**keys)
    if not test and not data.has_validation:
        raise UserError(
            "there are no validation images: it was trained with data.val_fraction 0; train anew, or --test"
        )
    data.setup()
    return data.test_data if test else data.val_data


def _accuracies(predictor: Predictor, images: LabelledImages) -> dict[str, dict[str, float]]:
    """By view, that of each class and the mean over all images."""
    plain, mirrored = (predictor.probabilities(view) for view in (images.images, images.images.flip(3)))
    views = {"as it is": plain, "mirrored": mirrored, "both": (plain + mirrored) / 2}
    return {view: _of_classes(probabilities, images.labels) for view, probabilities in views.items()}


def _of_classes(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    right = (probabilities.argmax(dim=1) == labels).float()
    return {name: float(right[labels == number].mean()) for number, name in enumerate(CLASSES)} | {
        MEAN: float(right.mean())
    }


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
