"""One point of scaling.py: a training, its throughput, the most memory that the process held (GiB)."""

import json
import re
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
# not ru_maxrss, which begins with what the parent process held
(kib,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
print("point", metrics["images_per_second"], int(kib) / 2**20)
