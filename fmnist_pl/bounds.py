"""Check the values of a config, so that no typing error takes all memory or fails hours later: bounds, and nulls.

Numbers that are bounded by other values (`data.fold`, the number of filters) are checked where those values are known.
"""

import inspect
import math
import os
import pydoc
from collections.abc import Iterator
from typing import Any

from fmnist_pl.config import Config, flatten
from fmnist_pl.errors import UserError

FRACTION = (0.0, 1.0)
POSITIVE = (1, math.inf)
NOT_NEGATIVE = (0.0, math.inf)
COUNT_OR_ALL = (-1, math.inf)  # Lightning's -1 is "no limit"
SEED = (0, 2**32 - 1)
IMAGES = (1, 60_000)
UNITS = (1, 65_536)
FILTERS = (1, 4096)
KERNEL = (1, 28)

BOUNDS: dict[str, tuple[float, float]] = {
    "seed_everything": SEED,
    "threads": (1, max(64, os.cpu_count() or 1)),
    "steps_per_execution": (1, 10_000),
    "data.synthetic_size": (10, 600_000),
    "data.batch_size": IMAGES,
    "data.eval_batch_size": IMAGES,
    "data.split_seed": SEED,
    "data.distillation.weight": FRACTION,
    "data.distillation.temperature": (0.01, 1000.0),
    "data.augment.horizontal_flip": FRACTION,
    "data.augment.shift": FRACTION,
    "data.augment.rotation": (0.0, 180.0),
    "data.augment.shear": (0.0, 80.0),
    "data.augment.zoom": (0.0, 0.9),
    "data.augment.brightness": FRACTION,
    "data.augment.erasing": FRACTION,
    "data.augment.crop": (0, 27),
    "data.augment.cutmix": FRACTION,
    "data.augment.mixup": FRACTION,
    "model.label_smoothing": FRACTION,
    "model.class_weights": NOT_NEGATIVE,
    "model.bias_lr_scale": NOT_NEGATIVE,
    "model.hidden_sizes": UNITS,
    "model.dense_units": UNITS,
    "model.blocks": FILTERS,
    "model.filters": FILTERS,
    "model.filters_1": FILTERS,
    "model.filters_2": FILTERS,
    "model.kernel_size": KERNEL,
    "model.kernel_1": KERNEL,
    "model.kernel_2": KERNEL,
    "model.stem": FILTERS,
    "model.stages": FILTERS,
    "model.blocks_per_stage": (1, 100),
    "model.stem_stride": (1, 2),
    "model.repeats": (1, 100),
    "model.squeeze": FRACTION,
    "model.stem_kernel": KERNEL,
    "model.conv_dropout": FRACTION,
    "model.dropout": FRACTION,
    "model.norm_momentum": FRACTION,
    "optimizer.lr": NOT_NEGATIVE,
    "lr_scheduler.warmup": FRACTION,
    "lr_scheduler.start": NOT_NEGATIVE,
    "lr_scheduler.final": NOT_NEGATIVE,
    "lr_scheduler.patience": (0, math.inf),
    "lr_scheduler.step_size": POSITIVE,
    "lr_scheduler.T_max": POSITIVE,
    "trainer.num_nodes": POSITIVE,
    "trainer.max_epochs": COUNT_OR_ALL,
    "trainer.min_epochs": (0, math.inf),
    "trainer.max_steps": COUNT_OR_ALL,
    "trainer.min_steps": (0, math.inf),
    "trainer.check_val_every_n_epoch": POSITIVE,
    "trainer.val_check_interval": (1e-6, math.inf),
    "trainer.num_sanity_val_steps": COUNT_OR_ALL,
    "trainer.log_every_n_steps": (0, math.inf),
    "trainer.accumulate_grad_batches": POSITIVE,
    "trainer.gradient_clip_val": NOT_NEGATIVE,
    "trainer.reload_dataloaders_every_n_epochs": (0, math.inf),
}
"""Both ends included. A list, as of filters, holds numbers within the bounds of its key."""

EXCLUSIVE = ("data.augment.cutmix", "data.augment.mixup")
"""Probabilities of events of which an image has at most one; their sum is at most 1."""

LONGEST_LIST = 100
"""Numbers in the list of one key, such as the layers of a network."""


def check_bounds(config: Config) -> None:
    """Look at every number of a config, complete or in part, with or without ``init_args`` in its keys.

    Raises:
        UserError: A number is out of bounds, a list is too long, or probabilities exceed 1 together.
    """
    model = config.get("model")
    of_ours = not isinstance(model, dict) or str(model.get("class_path", __name__)).startswith("fmnist_pl.")
    for dotted, value in flatten(config):
        key = dotted.replace(".init_args", "")
        if key in BOUNDS and (of_ours or not key.startswith("model.")):
            _check(key, value)
    _check_exclusive(dict(flatten(config)))


def check_nulls(key: str, spec: Any) -> None:
    """Refuse null for an argument of a class that has another default; the parser does so outside of classes alone.

    Args:
        key: Of the config: ``model``, ``optimizer`` or ``lr_scheduler``.
        spec: Its value, complete.

    Raises:
        UserError: An argument is null.
    """
    if not isinstance(spec, dict):
        return
    parameters = inspect.signature(pydoc.locate(spec["class_path"])).parameters  # type: ignore[arg-type]
    for name, value in (spec.get("init_args") or {}).items():
        default = parameters[name].default if name in parameters else None
        if value is None and default is not None:
            raise UserError(f"{key}.{name}: got null; leave it out for its default, {default}")


def _check(key: str, value: Any) -> None:
    low, high = BOUNDS[key]
    for count, number in enumerate(_numbers(value), 1):
        if count > LONGEST_LIST:
            raise UserError(f"{key}: got more than {LONGEST_LIST} numbers; give fewer")
        if not (low <= number <= high and math.isfinite(number)):
            allowed = f"at least {low:g}" if high == math.inf else f"{low:,.12g} to {high:,.12g}"
            raise UserError(f"{key}: got {number}; give {allowed}")


def _check_exclusive(values: Config) -> None:
    """Check the sum of probabilities that exclude each other, by their dotted keys."""
    chances = [number for key in EXCLUSIVE for number in _numbers(values.get(key))]
    if sum(chances) > 1:
        given = " + ".join(map(str, chances))
        raise UserError(f"{' + '.join(EXCLUSIVE)}: got {given}; give at most 1 in total")


def _numbers(value: Any) -> Iterator[float]:
    """The numbers of a value, in lists of any depth."""
    if isinstance(value, list):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float):
        yield value
