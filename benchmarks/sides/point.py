"""One point of scaling.py: a training, its throughput, the most memory that the process held (GiB)."""

import json
import resource
import sys
import tempfile
from pathlib import Path

from fmnist_pl.data import source
from fmnist_pl.data.files import load_folder
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.training import train

arguments, repeats = json.loads(sys.argv[1]), int(sys.argv[2])


def repeated(folder: Path, verify: bool) -> TrainAndTest:
    data = load_folder(folder, verify)
    images, labels = data.train.images.repeat(repeats, 1, 1, 1), data.train.labels.repeat(repeats)
    return TrainAndTest(LabelledImages(images, labels), data.test, data.source)


if repeats > 1:
    vars(source)["load_folder"] = repeated
with tempfile.TemporaryDirectory() as folder:
    metrics = train([*arguments, "--trainer.default_root_dir", folder])
print("point", metrics["images_per_second"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
