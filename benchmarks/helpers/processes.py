"""One side of a comparison: a process of its own that trains an epoch each time it is told to.

So the sides are interleaved, never run at once, and warm up alike. A side is a script in sides/: for each line that it
reads it prints ``seconds`` and a number.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fmnist_pl.data.files import find_folder, load_folder
from fmnist_pl.data.images import LabelledImages
from fmnist_pl.errors import UserError

ROOT = Path(__file__).parents[2]


class Side:
    """A running side."""

    def __init__(self, name: str, script: str, *arguments: str, python: str = sys.executable) -> None:
        """Args:
        name: For the table.
        script: File in sides/, without its ending.
        arguments: Of the script.
        python: Of another environment, for Keras.
        """
        self.name = name
        path = ROOT / "benchmarks" / "sides" / f"{script}.py"
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [python, str(path), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def go(self) -> float:
        """Let the side do its work once: the seconds that it took."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        sys.exit(f"error: the side {self.name} ended with code {process.wait()}; what it said is above")

    def end(self) -> None:
        """Let go of its memory."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def real_images() -> LabelledImages:
    """The 60,000 training images; the program ends with a line where they cannot be had."""
    try:
        folder = find_folder(None)
        if folder is not None:
            return load_folder(folder, verify=True).train
    except UserError as error:
        sys.exit(f"error: {error}")
    sys.exit("error: this measures the real images: set FMNIST_DATA to their folder")


def exported_arrays(count: int) -> list[str]:
    """The first training images and labels as two .npy files, for a Python without torch."""
    train, target = real_images(), Path(tempfile.mkdtemp())
    paths = [str(target / "images.npy"), str(target / "labels.npy")]
    for path, tensor in zip(paths, (train.images[:count, 0], train.labels[:count]), strict=True):
        np.save(path, tensor.numpy())
    return paths
