"""One epoch of the cnn.yaml network, here and in Keras, in turn on the same machine.

    python benchmarks/keras_epoch.py --keras-python KERAS_ENVIRONMENT/bin/python

The other environment is one's own: ``python -m venv KERAS_ENVIRONMENT``, then pip install tensorflow-cpu in it.
60,000 real images, batch 128, float images in memory for Keras, its defaults otherwise. Each side lives in a process
of its own and trains one epoch when it is told to, so that the two are interleaved and never run at once; the first
round warms both up and is not counted. Ours is the whole of ``train.py fit``'s training, checkpoints included.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

OURS = """
import sys, tempfile
from fmnist_pl.training import train
arguments = ["fit", "--config", "cnn.yaml", "--trainer.max_epochs", "1", "--data.val_fraction", "0",
             "--data.batch_size", "128", "--test_after_fit", "false", "--trainer.enable_model_summary", "false"]
for line in sys.stdin:
    with tempfile.TemporaryDirectory() as folder:
        print("seconds", train([*arguments, "--trainer.default_root_dir", folder])["train_seconds"], flush=True)
"""

KERAS = """
import sys, time
import keras
import numpy as np
from keras import layers

images, labels = (np.load(path) for path in sys.argv[1:])
images = images.reshape(-1, 28, 28, 1).astype("float32") / 255
convolution = dict(kernel_size=3, padding="same", use_bias=False, activation="relu")
model = keras.Sequential([
    layers.Input((28, 28, 1)),
    layers.Conv2D(32, **convolution), layers.Conv2D(32, **convolution), layers.MaxPooling2D(),
    layers.Conv2D(64, **convolution), layers.Conv2D(64, **convolution), layers.MaxPooling2D(),
    layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10),
])
assert model.count_params() == 467626
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
for line in sys.stdin:
    start = time.perf_counter()
    model.fit(images, labels, batch_size=128, epochs=1, verbose=0)
    print("seconds", time.perf_counter() - start, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", required=True, help="Python of an environment with tensorflow-cpu.")
    parser.add_argument("--rounds", type=int, default=3, help="Counted rounds, after one that warms up.")
    options = parser.parse_args()
    arrays = _export_arrays()
    ours = _start([sys.executable, "-c", OURS])
    keras = _start([options.keras_python, "-c", KERAS, *arrays])
    print(f"{os.cpu_count()} cores; one epoch of 60,000 images, batch 128")
    pairs = []
    for number in range(options.rounds + 1):
        pair = _epoch(ours), _epoch(keras)
        pairs.append(pair)
        note = "warm-up" if number == 0 else f"ratio {pair[0] / pair[1]:.3f}"
        print(f"round {number}: here {pair[0]:6.1f} s   Keras {pair[1]:6.1f} s   {note}", flush=True)
    counted = pairs[1:]
    here, there = (statistics.median(seconds) for seconds in zip(*counted, strict=True))
    ratio = statistics.median(a / b for a, b in counted)
    print(f"median of {len(counted)}: here {here:.1f} s, Keras {there:.1f} s, ratio {ratio:.3f}")


def _export_arrays() -> list[str]:
    """The training images and labels as two .npy files, for a Python without torch."""
    import tempfile

    import numpy as np

    from fmnist_pl.data.files import find_folder, load_folder

    folder = find_folder(None)
    if folder is None:
        sys.exit("error: this measures the real images: set FMNIST_DATA to their folder")
    train = load_folder(folder, verify=True).train
    target = Path(tempfile.mkdtemp())
    np.save(target / "images.npy", train.images.numpy())
    np.save(target / "labels.npy", train.labels.numpy())
    return [str(target / "images.npy"), str(target / "labels.npy")]


def _start(command: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _epoch(process: subprocess.Popen[str]) -> float:
    """Let a side train one epoch: its seconds."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("seconds "):
            return float(line.split()[1])
    sys.exit(f"error: a side ended with code {process.wait()}; what it said is above")


if __name__ == "__main__":
    main()
