"""Accuracy of a classifier on corrupted images: ``python -m fmnist_pl.reporting robustness``."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from fmnist_pl.atomic_files import replacing
from fmnist_pl.bounds import check_bounds
from fmnist_pl.config import Config
from fmnist_pl.data.corrupt import CORRUPTIONS, STRENGTHS, corrupt
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.data.source import load
from fmnist_pl.data.split import split as split_images
from fmnist_pl.errors import UserError
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.saved import about_safetensors, import_network_module, read_checkpoint, read_safetensors
from fmnist_pl.reporting.figures import FigureEntry, draw_figures, write_figures
from fmnist_pl.reporting.plots.robustness import corruptions_figure, robustness_figure
from fmnist_pl.reporting.tables import markdown_table
from fmnist_pl.weights import SHIPPED

Split = Literal["val", "test"]
BATCH = 1000  # images per forward pass
NAME = "robustness"  # of the files
SPLIT_KEYS: dict[str, tuple[tuple[type, ...], Any]] = {
    "source": ((str,), "real"),
    "verify": ((bool,), True),
    "synthetic_size": ((int,), 12_000),
    "split_seed": ((int,), 0),
    "val_fraction": ((int, float), 0.1),
    "num_folds": ((int, type(None)), None),
    "fold": ((int,), 0),
}
"""Keys of ``data`` that say which images a run was validated on: types, and the value if a file has no such key."""


@dataclass(frozen=True)
class ImageSource:
    """Where the images are.

    Args:
        source: Real images, synthetic ones, or auto; by default as in the training of the checkpoint.
        root: Folder of the four IDX files; by default FMNIST_DATA, then ./data, then a download.
    """

    source: Literal["real", "synthetic", "auto"] | None = None
    root: Path | None = None


@dataclass(frozen=True)
class Robustness:
    """Accuracy of a classifier on clean and on corrupted images."""

    name: str
    """Config of the classifier."""
    source: str
    """``real`` or ``synthetic``."""
    split: Split
    images: int
    """Number of images, the same for every accuracy."""
    seed: int
    clean: float
    accuracies: dict[str, list[float]]
    """Corruption -> accuracy at the strengths 1 to 5."""

    @property
    def mean(self) -> float:
        """Mean accuracy over all corruptions and strengths."""
        return float(np.mean(list(self.accuracies.values())))

    @property
    def subject(self) -> str:
        """What was evaluated, for titles."""
        stage = {"val": "validation", "test": "test"}[self.split]
        return f"{self.name}, {self.images:,} {self.source} {stage} images"


def robustness(
    ckpt_path: Path | None = None,
    folder: Path = Path(NAME),
    split: Split = "val",
    data: ImageSource = ImageSource(),
    seed: int = 0,
    network_module: str | None = None,
) -> Robustness:
    """Measure and write accuracy under eight corruptions in five strengths: CSV, Markdown, JSON and two figures.

    Args:
        ckpt_path: A checkpoint of train.py fit, or a .safetensors export; by default the weights in the package.
        folder: Target folder, created if needed.
        split: The validation images of the checkpoint's own split, or the test images.
        data: Where the images are.
        seed: Of the corruptions.
        network_module: Your Python module that defines the network, if it is not one of this package.

    Raises:
        UserError: The folder holds such files already, or the checkpoint or the images cannot be read.
    """
    check_bounds({"seed_everything": seed})
    if (folder / f"{NAME}.json").exists():
        raise UserError(f"{folder / NAME}.json exists already: give another --folder, or remove this one")
    if network_module is not None:
        import_network_module(network_module)
    path = ckpt_path or SHIPPED
    network, config = _read(path)
    images, source = _images(config, path, split, data)
    result = measure(FromPixels(network), images, str(config["name"]), source, split, seed)
    write(result, images.images[:1], folder)
    return result


def measure(
    classify: Callable[[Tensor], Tensor], data: LabelledImages, name: str, source: str, split: Split, seed: int
) -> Robustness:
    """Evaluate on clean images and under every corruption.

    Args:
        classify: Maps uint8 images (N, 1, 28, 28) to probabilities (N, 10).
        data: Images with labels.
        name: Of the classifier, for titles.
        source: ``real`` or ``synthetic``.
        split: Which images these are.
        seed: Of the corruptions.
    """
    accuracies = {
        corruption: [_accuracy(classify, corrupt(data.images, corruption, s, seed), data.labels) for s in STRENGTHS]
        for corruption in CORRUPTIONS
    }
    clean = _accuracy(classify, data.images, data.labels)
    return Robustness(name, source, split, len(data), seed, clean, accuracies)


def write(result: Robustness, image: Tensor, folder: Path) -> None:
    """Write ``robustness.csv``, ``.md``, ``.json``, ``.png`` and ``corruptions.png``.

    Args:
        result: Of `measure`.
        image: The image of ``corruptions.png``, uint8 (1, 1, 28, 28).
        folder: Target folder, created if needed.

    Raises:
        UserError: The folder cannot be written.
    """
    write_figures(draw_figures(FIGURES, (result, image)).values(), folder)
    with replacing(folder / f"{NAME}.csv") as file:
        writer = csv.writer(file)
        writer.writerow(["corruption", "strength", "value", "unit", "accuracy", "images"])
        writer.writerow(["none", 0, "", "", result.clean, result.images])
        writer.writerows(_csv_rows(result))
    with replacing(folder / f"{NAME}.md") as file:
        file.write(f"{table(result)}\n")
    with replacing(folder / f"{NAME}.json") as file:  # the last one: it marks a complete folder
        json.dump(asdict(result) | {"mean": result.mean}, file, indent=1)
        file.write("\n")


def table(result: Robustness) -> str:
    """Format a result as Markdown: one row per corruption, accuracy at each strength and their mean."""
    rows = [["accuracy", *(f"strength {strength}" for strength in STRENGTHS), "mean"]]
    for name, values in result.accuracies.items():
        rows.append([name, *(f"{value:.4f}" for value in values), f"{np.mean(values):.4f}"])
    by_strength = np.mean(list(result.accuracies.values()), axis=0)
    rows.append(["all", *(f"{value:.4f}" for value in by_strength), f"{result.mean:.4f}"])
    return f"{result.subject}: accuracy {result.clean:.4f} without corruption\n\n{markdown_table(rows)}"


def _csv_rows(result: Robustness) -> Iterator[list[Any]]:
    for name, accuracies in result.accuracies.items():
        corruption = CORRUPTIONS[name]
        for strength, value, accuracy in zip(STRENGTHS, corruption.values, accuracies, strict=True):
            yield [name, strength, value, corruption.meaning, accuracy, result.images]


def _accuracy(classify: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> float:
    with torch.inference_mode():
        predictions = torch.cat([classify(batch).argmax(dim=1) for batch in images.split(BATCH)])
    return float((predictions == labels).double().mean())


def _read(path: Path) -> tuple[nn.Module, Config]:
    """Read a network and the config of its run.

    Raises:
        UserError: There is no such file, or it is broken.
    """
    if path.suffix != ".safetensors":
        checkpoint = read_checkpoint(path)
        return checkpoint.network(), checkpoint.config
    if not path.is_file():
        raise UserError(f"no file {path}: give a checkpoint, or a .safetensors file of python -m fmnist_pl.export")
    try:
        return read_safetensors(path), about_safetensors(path)["config"]
    except UserError:
        raise
    except Exception as error:  # safetensors raises its own kinds for a broken file
        raise UserError(f"{path} cannot be read ({type(error).__name__}): is it complete?") from error


def _images(config: Config, path: Path, split: Split, where: ImageSource) -> tuple[LabelledImages, str]:
    """The images to evaluate, and their source; validation images are those of the run that made the file.

    Raises:
        UserError: The config of the file is not sound, it had no validation images, or the images are not available.
    """
    keys = {}
    for key, (kinds, default) in SPLIT_KEYS.items():
        keys[key] = config["data"].get(key, default)
        if not isinstance(keys[key], kinds):
            raise UserError(f"{path}: config.data.{key} is {keys[key]!a:.50}; give a file of train.py fit")
    check_bounds({"data": keys})
    if split == "val" and keys["num_folds"] is None and not keys["val_fraction"]:
        raise UserError(f"{path} was trained on all training images, with none for validation: give --split test")
    source, size = where.source or keys["source"], keys["synthetic_size"]
    data = load(source, where.root, keys["verify"], size, keys["split_seed"], may_download=True)
    if split == "test":
        return data.test, data.source
    labels = data.train.labels
    _, val = split_images(labels, keys["split_seed"], keys["val_fraction"], keys["num_folds"], keys["fold"])
    return data.train.part(val), data.source


def _examples(image: Tensor) -> np.ndarray:
    """The image clean and at each strength, for each corruption: uint8 (corruptions, 6, 28, 28)."""
    rows = [torch.cat([image, *(corrupt(image, name, strength) for strength in STRENGTHS)]) for name in CORRUPTIONS]
    return torch.stack(rows)[:, :, 0].numpy()


FIGURES: list[FigureEntry[tuple[Robustness, Tensor]]] = [
    FigureEntry(
        NAME,
        "Accuracy over the strength of each corruption.",
        lambda inputs: robustness_figure(inputs[0].clean, inputs[0].accuracies, f"Robustness: {inputs[0].subject}"),
    ),
    FigureEntry(
        "corruptions",
        "One image under each corruption.",
        lambda inputs: corruptions_figure(_examples(inputs[1]), list(CORRUPTIONS)),
    ),
]
