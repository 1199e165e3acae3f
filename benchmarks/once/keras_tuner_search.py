"""The Keras Tuner project's search, here and in Keras Tuner, over the same five points on the same machine.

    python benchmarks/keras_tuner_search.py --keras-python KERAS_ENVIRONMENT/bin/python

The other environment is one's own: ``python -m venv KERAS_ENVIRONMENT``, then pip install tensorflow-cpu keras-tuner
tensorboard in it. Five points of the space, drawn with a fixed seed, 3 epochs each, batch 32, Adam at a constant rate,
the same split of 54,000 training and 6,000 validation images, one trial after another. Each side lives in a process of
its own and searches one point when it is told to, so that the two are interleaved and never run at once. Loading the
images and importing the libraries is not counted on either side; writing results, checkpoints and logs is, as each does
it. What Keras' ``fit`` waits after its training has ended (see sides/in_keras.py) is not counted either. Ours is
tune.py with its default precision on this machine, Keras Tuner's with the defaults of Keras.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from parts.arguments import program

ROOT = Path(__file__).parents[1]
POINTS = 5

OURS = """
import json, sys, time
from pathlib import Path
from fmnist_pl.tuning import Search, tune
from fmnist_pl.tuning.command_line import parse
folder, points = Path(sys.argv[1]), json.loads(sys.argv[2])
search = parse(["--config", "cnn_random.yaml", "--refit", "false", "--pruner", "none"])
import contextlib, dataclasses, io
for number, line in enumerate(sys.stdin, 1):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        outcome = tune(dataclasses.replace(search, points=points, n_trials=number, folder=folder, keep=1))
    seconds = time.perf_counter() - start
    print("result", json.dumps([seconds, outcome.study.trials[-1].value]), flush=True)
"""

KERAS = """
import json, sys, time
import keras, keras_tuner
import numpy as np
from keras import layers

folder, points = sys.argv[1], json.loads(sys.argv[2])
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
    rate = hp.Choice("lr", [1e-2, 1e-3])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

class OnePoint(keras_tuner.oracles.RandomSearchOracle):
    def populate_space(self, trial_id):
        return {"status": keras_tuner.engine.trial.TrialStatus.RUNNING, "values": self.point}

for number, line in enumerate(sys.stdin):
    start = time.perf_counter()
    oracle = OnePoint(objective="val_accuracy", max_trials=1)
    oracle.point = points[number]
    tuner = keras_tuner.Tuner(oracle, Network(), directory=folder, project_name=f"point_{number}")
    sets = {"validation_data": (val_x, val_y), "callbacks": [NoteTheEnd()]}
    tuner.search(x, y, epochs=3, batch_size=32, verbose=0, **sets)
    seconds = time.perf_counter() - start - waited[-1]
    print("result", json.dumps([seconds, oracle.get_best_trials(1)[0].score]), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--keras-python", type=program, required=True, help="Python of an environment with Keras Tuner."
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    _export_split(folder)
    points = _draw_points()
    names = {key: key.rpartition(".")[2] for key in points[0]}
    theirs = [{names[key]: value for key, value in point.items()} for point in points]
    ours = _start([sys.executable, "-c", OURS, str(folder), json.dumps(points)])
    keras = _start([options.keras_python, "-c", KERAS, str(folder), json.dumps(theirs)])
    print(f"{os.cpu_count()} cores; {POINTS} points of cnn_random.yaml, 3 epochs each, batch 32")
    pairs = []
    for point in theirs:
        (here, accuracy), (there, their_accuracy) = _search_one(ours), _search_one(keras)
        pairs.append((here, there))
        print(
            f"{point}\n  here {here:6.1f} s  {accuracy:.4f}   Keras Tuner {there:6.1f} s  {their_accuracy:.4f}   "
            f"ratio {here / there:.3f}",
            flush=True,
        )
    here, there = (sum(seconds) for seconds in zip(*pairs, strict=True))
    middle = statistics.median(a / b for a, b in pairs)
    print(
        f"the search: here {here:.0f} s, Keras Tuner {there:.0f} s, "
        f"ratio {here / there:.3f} (median point {middle:.3f})"
    )


def _draw_points() -> list[dict[str, Any]]:
    from fmnist_pl.tuning.command_line import parse
    from fmnist_pl.tuning.samplers import next_point
    from fmnist_pl.tuning.space import Space

    search = parse(["--config", "cnn_random.yaml"])
    points: list[dict[str, Any]] = []
    while len(points) < POINTS:
        point = next_point(search, Space(search.space), points)
        assert point is not None, "the space has thousands"
        points.append(point)
    return points


def _export_split(folder: Path) -> None:
    """The training and validation images of our split as .npy files, for a Python without torch."""
    import numpy as np

    from fmnist_pl.data.datamodule import FashionMNISTDataModule

    data = FashionMNISTDataModule()
    data.setup()
    for name, part in (("", data.train_data), ("val_", data.val_data)):
        np.save(folder / f"{name}x.npy", part.images.numpy())
        np.save(folder / f"{name}y.npy", part.labels.numpy())


def _start(command: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _search_one(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Let a side search its next point: seconds, and the validation accuracy of its best epoch."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("result "):
            seconds, accuracy = json.loads(line.removeprefix("result "))
            return seconds, accuracy
    sys.exit(f"error: a side ended with code {process.wait()}; what it said is above")


if __name__ == "__main__":
    main()
