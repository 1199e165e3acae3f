"""Training epoch of the same network in Keras, for a Python with TensorFlow. Arguments: config, batch size, arrays.

Float images in memory and the defaults of Keras; cnn_regularized is augmented by preprocessing layers. Timed from the
start of the epoch to its end: ``fit`` itself may return seconds later (after 20.5, 41 or 82 s, the sums of a sleep that
doubles from 10 ms, as in a thread of tf.data).
"""

import sys
import time

import keras
import numpy as np
from keras import layers


def dense() -> list:
    return [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10)]


def cnn() -> list:
    options = {"kernel_size": 3, "padding": "same", "use_bias": False, "activation": "relu"}
    blocks = []
    for filters in (32, 64):
        blocks += [layers.Conv2D(filters, **options), layers.Conv2D(filters, **options), layers.MaxPooling2D()]
    return [*blocks, *dense()]


def cnn_regularized() -> list:
    network = [
        layers.RandomFlip("horizontal"), layers.RandomTranslation(0.05, 0.05), layers.RandomRotation(5 / 360),
        layers.RandomShear(0.09, 0.09), layers.RandomZoom(0.1),
    ]  # fmt: skip
    for filters in (32, 64):
        for _ in range(2):
            network += [layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
        network += [layers.MaxPooling2D(), layers.SpatialDropout2D(0.1)]
    network += [layers.Flatten(), layers.Dense(128), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.3)]
    return [*network, layers.Dense(10)]


class EpochTimer(keras.callbacks.Callback):
    """Seconds from start to end of an epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds = time.perf_counter() - self.start


networks = {"dense": dense, "cnn": cnn, "cnn_regularized": cnn_regularized}
config, batch_size = sys.argv[1], int(sys.argv[2])
images, labels = (np.load(path) for path in sys.argv[3:])
images = images[..., None].astype("float32") / 255
model = keras.Sequential([layers.Input((28, 28, 1)), *networks[config]()])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
for _ in sys.stdin:
    timer = EpochTimer()
    model.fit(images, labels, batch_size=batch_size, epochs=1, verbose=0, callbacks=[timer])
    print("seconds", timer.seconds, flush=True)
