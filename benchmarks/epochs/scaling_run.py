"""One training of scaling.py. Arguments: those of ``train`` as JSON, times to repeat the training set.

Prints ``result``, the images per second and the peak memory of the process in GiB.
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

from fmnist_pl.data.folder import load_folder
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.training import train

arguments, repeats = json.loads(sys.argv[1]), int(sys.argv[2])


def load_repeated(folder: Path, verify: bool) -> TrainAndTest:
    """Load the images of a folder, the training set ``repeats`` times."""
    data = load_folder(folder, verify)
    if repeats == 1:
        return data
    images, labels = data.train.images.repeat(repeats, 1, 1, 1), data.train.labels.repeat(repeats)
    return TrainAndTest(LabelledImages(images, labels), data.test, data.source)


with tempfile.TemporaryDirectory() as output, mock.patch("fmnist_pl.data.source.load_folder", load_repeated):
    metrics = train([*arguments, "--trainer.default_root_dir", output])
# ru_maxrss would start from the memory of the parent process
(kib,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
print("result", metrics["images_per_second"], int(kib) / 2**20)
