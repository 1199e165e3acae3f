"""Random search of the Keras Tuner project, by this project and by Keras Tuner: the same five params on one machine.

    python benchmarks/once/keras_tuner_search.py --keras-python KERAS_ENVIRONMENT/bin/python

The environment is made by ``python -m venv KERAS_ENVIRONMENT`` and ``pip install tensorflow-cpu keras-tuner
tensorboard``. Data: the real images, the same split of 54,000 for training and 6,000 for validation on both sides. Five
fixed params of cnn_random.yaml, 3 epochs each, batch 32, Adam with a constant learning rate, one trial after another.
Keras Tuner runs in a process of its own and searches when it is told to, so that the two take turns. Loading images and
importing libraries is not counted; writing results, checkpoints and logs is. The time that Keras' ``fit`` waits after
its training has ended (see epochs/keras_fit.py) is not counted. This project uses its default precision on this
machine, Keras Tuner the defaults of Keras.

Takes about 40 minutes on two cores.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.tuning import tune
from fmnist_pl.tuning.command_line import parse

KEYS = {
    "filters_1": "model.init_args.filters_1",
    "kernel_1": "model.init_args.kernel_1",
    "filters_2": "model.init_args.filters_2",
    "kernel_2": "model.init_args.kernel_2",
    "dense_units": "model.init_args.dense_units",
    "lr": "optimizer.init_args.lr",
}
PARAMS = [
    dict(zip(KEYS, values, strict=True))
    for values in (
        (80, 3, 48, 5, 80, 0.001),
        (96, 5, 48, 3, 32, 0.01),
        (80, 3, 48, 5, 32, 0.01),
        (80, 5, 32, 5, 112, 0.001),
        (96, 3, 32, 3, 96, 0.001),
    )
]
"""Drawn once from the space of cnn_random.yaml by its sampler with seed 0."""

KERAS = """
import json, sys, time
import keras, keras_tuner
import numpy as np
from keras import layers

folder, params = sys.argv[1], json.loads(sys.argv[2])
x, y, val_x, val_y = (np.load(f"{folder}/{name}.npy") for name in ("x", "y", "val_x", "val_y"))
x, val_x = (images.reshape(-1, 28, 28, 1).astype("float32") / 255 for images in (x, val_x))

ended, waited = [], []

class NoteTheEnd(keras.callbacks.Callback):
    def on_train_end(self, logs=None):
        ended.append(time.perf_counter())

class Network(keras_tuner.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **options):
        history = model.fit(*args, **options)
        waited.append(time.perf_counter() - ended[-1])
        return history

def build(hp):
    model = keras.Sequential([
        layers.Input((28, 28, 1)),
        layers.Conv2D(hp.Int("filters_1", 32, 128, step=16), hp.Choice("kernel_1", [3, 5]), activation="relu"),
        layers.Conv2D(hp.Int("filters_2", 32, 64, step=16), hp.Choice("kernel_2", [3, 5]), activation="relu"),
        layers.Flatten(),
        layers.Dense(hp.Int("dense_units", 32, 128, step=16), activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])
    lr = hp.Choice("lr", [1e-2, 1e-3])
    model.compile(keras.optimizers.Adam(lr), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

class FixedParams(keras_tuner.oracles.RandomSearchOracle):
    def populate_space(self, trial_id):
        return {"status": keras_tuner.engine.trial.TrialStatus.RUNNING, "values": self.params}

for number, line in enumerate(sys.stdin):
    start = time.perf_counter()
    oracle = FixedParams(objective="val_accuracy", max_trials=1)
    oracle.params = params[number]
    tuner = keras_tuner.Tuner(oracle, Network(), directory=folder, project_name=f"trial_{number}")
    sets = {"validation_data": (val_x, val_y), "callbacks": [NoteTheEnd()]}
    tuner.search(x, y, epochs=3, batch_size=32, verbose=0, **sets)
    seconds = time.perf_counter() - start - waited[-1]
    print("result", json.dumps([seconds, oracle.get_best_trials(1)[0].score]), flush=True)
"""


def main() -> None:
    """Run the trials in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", required=True, help="Python of an environment with Keras Tuner.")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    _save_split(folder)
    keras = _start_keras(options.keras_python, folder)
    print(f"{os.cpu_count()} cores; {len(PARAMS)} params of cnn_random.yaml, 3 epochs each, batch 32")
    pairs = []
    for number, params in enumerate(PARAMS):
        (here, accuracy), (there, their_accuracy) = _trial(folder, number), _keras_trial(keras)
        pairs.append((here, there))
        print(
            f"{params}\n  here {here:6.1f} s  {accuracy:.4f}   Keras Tuner {there:6.1f} s  {their_accuracy:.4f}   "
            f"ratio {here / there:.3f}",
            flush=True,
        )
    here, there = (sum(seconds) for seconds in zip(*pairs, strict=True))
    middle = statistics.median(a / b for a, b in pairs)
    print(
        f"the search: here {here:.0f} s, Keras Tuner {there:.0f} s, "
        f"ratio {here / there:.3f} (median trial {middle:.3f})"
    )


def _trial(folder: Path, number: int) -> tuple[float, float]:
    """Go on with this project's search by one trial: seconds, and validation accuracy of the best epoch."""
    search = parse(["--config", "cnn_random.yaml", "--refit", "false", "--pruner", "none"])
    points = [{KEYS[name]: value for name, value in params.items()} for params in PARAMS]
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        outcome = tune(dataclasses.replace(search, points=points, n_trials=number + 1, folder=folder, keep=1))
    accuracy = outcome.study.trials[-1].value
    assert accuracy is not None
    return time.perf_counter() - start, accuracy


def _save_split(folder: Path) -> None:
    """Save the training and validation images of this project's split as .npy files, for a Python without torch."""
    data = FashionMNISTDataModule()
    data.setup()
    for name, part in (("", data.train_data), ("val_", data.val_data)):
        np.save(folder / f"{name}x.npy", part.images.numpy())
        np.save(folder / f"{name}y.npy", part.labels.numpy())


def _start_keras(python: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", KERAS, str(folder), json.dumps(PARAMS)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip


def _keras_trial(process: subprocess.Popen[str]) -> tuple[float, Any]:
    """Let Keras Tuner run its next trial: seconds, and validation accuracy of the best epoch."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("result "):
            seconds, accuracy = json.loads(line.removeprefix("result "))
            return seconds, accuracy
    sys.exit(f"error: Keras Tuner ended with code {process.wait()}; its messages are above")


if __name__ == "__main__":
    main()
