"""Accuracy of each class on images as they are, mirrored left to right, and by the mean over both views.

    python benchmarks/once/views.py --ckpt_path A.ckpt B.ckpt

For one or several checkpoints (such as trainings with and without mirrored images), by default the weights of the
package. Data: the validation images of each checkpoint's own config; ``--test`` for the final evaluation of what was
selected on those.

Takes about 10 seconds per checkpoint.
"""

import argparse
import sys
from pathlib import Path

from torch import Tensor, nn

from fmnist_pl.config import Config
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.errors import UserError
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import about_safetensors, read_checkpoint, read_safetensors
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED

MEAN = "all ten"


def main() -> None:
    """Evaluate each checkpoint and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt_path", type=Path, nargs="+", default=[SHIPPED], help="Checkpoints to compare.")
    parser.add_argument("--test", action="store_true", help="Use the test images.")
    options = parser.parse_args()
    columns: dict[str, dict[str, float]] = {}
    for number, path in enumerate(options.ckpt_path, 1):
        config, network = _load(path)
        images = _images(config, options.test)
        probability = config["data"]["augment"]["horizontal_flip"]
        stage = "test" if options.test else "validation"
        print(f"{number}: {path}, trained with horizontal_flip {probability}; {len(images):,} {stage} images")
        accuracies = _accuracies(Predictor(FromPixels(network)), images)
        columns |= {f"{number} {view}": column for view, column in accuracies.items()}
    print(f"| class | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for name in (*CLASSES, MEAN):
        print(f"| {name} | {' | '.join(f'{column[name]:.4f}' for column in columns.values())} |")


def _load(path: Path) -> tuple[Config, nn.Module]:
    """Read the config and the network of a checkpoint or a safetensors export."""
    if path.suffix == ".safetensors":
        return about_safetensors(path)["config"], read_safetensors(path)
    checkpoint = read_checkpoint(path)
    return checkpoint.config, checkpoint.network()


def _images(config: Config, test: bool) -> LabelledImages:
    """Test or validation images of the data that the checkpoint was trained on."""
    keys = {key: value for key, value in config["data"].items() if key != "augment"}
    data = FashionMNISTDataModule(**keys)
    if not test and not data.has_validation:
        raise UserError("no validation images: trained with data.val_fraction 0; give --test, or train again with some")
    data.setup()
    return data.test_data if test else data.val_data


def _accuracies(predictor: Predictor, images: LabelledImages) -> dict[str, dict[str, float]]:
    """Accuracy by view, then by class and over all images."""
    plain, mirrored = (predictor.probabilities(view) for view in (images.images, images.images.flip(3)))
    views = {"as it is": plain, "mirrored": mirrored, "both": (plain + mirrored) / 2}
    return {view: _by_class(probabilities, images.labels) for view, probabilities in views.items()}


def _by_class(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    correct = (probabilities.argmax(dim=1) == labels).float()
    return {name: float(correct[labels == number].mean()) for number, name in enumerate(CLASSES)} | {
        MEAN: float(correct.mean())
    }


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
