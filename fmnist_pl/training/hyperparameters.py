"""The HParams tab of TensorBoard: one table for runs of different configs.

TensorBoard opens the tab with five parameters and five metrics. It sorts parameters that differ between the runs before
the others, and both groups by name, capitals first; metrics by name. A summary of type "experiment", which torch and
Lightning write, limits the columns to those of one run; without it, the table has the columns of all runs.
"""

import inspect
import pydoc
from collections.abc import Iterator, Mapping
from typing import Any

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from fmnist_pl.config import Config, recipe_of
from fmnist_pl.data.datamodule import FashionMNISTDataModule

FIRST = {
    "Batch size": "data.batch_size",
    "Epochs": "trainer.max_epochs",
    "Learning rate": "optimizer.lr",
    "Seed": "seed_everything",
}
"""Columns of every run, with their keys; a capital sorts them before all other keys. `Model` is the fifth."""
WITHOUT_EFFECT = ("name", "optimizer.fused", "optimizer.foreach", "trainer.num_sanity_val_steps")
"""Keys that are no columns: they do not change the result."""
PLAIN = (bool, int, float, str)
Value = bool | int | float | str


def hyperparameters(config: Config, searched: Mapping[str, Any] | None = None) -> dict[str, Value]:
    """The model, the columns of `FIRST`, and every recipe key that differs from its default.

    Args:
        config: Complete config.
        searched: Values by dotted key that are columns of their own, default or not: the params of a trial.

    Returns:
        Values by name: dotted keys without ``init_args``; classes by the last part of their path.
    """
    leaves = list(_leaves(recipe_of(config), DEFAULTS))
    values = {key: value for key, value, _ in leaves}
    shown = {name: values[key] for name, key in FIRST.items() if key in values}
    shown["Model"] = str(values.get("model.network", values["model"])).removesuffix("Classifier")
    hidden = {*FIRST.values(), *WITHOUT_EFFECT, "model", "model.network"}
    shown |= {key: value for key, value, default in leaves if key not in hidden and value != default}
    names = {key: name for name, key in FIRST.items()}
    keys = {key: key.replace(".init_args", "") for key in searched or {}}
    return shown | {names.get(keys[key], keys[key]): _plain(value) for key, value in (searched or {}).items()}


def log_hyperparameters(
    logger: TensorBoardLogger, values: dict[str, Value], metrics: dict[str, float], step: int = 0
) -> None:
    """Write a run's line of the HParams tab.

    Args:
        logger: Of the run.
        values: The parameters.
        metrics: The metrics beside them.
        step: Of the metrics.
    """
    from torch.utils.tensorboard.summary import hparams

    logger.log_metrics(metrics, step)  # opens the file again if the training has closed it
    _experiment, start, end = hparams(values, metrics)
    for summary in (start, end):
        logger.experiment.file_writer.add_summary(summary, step)


def _leaves(node: Config, defaults: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Value, Value]]:
    """Dotted key, value and default of every leaf; the default of a class is a class, or "null"."""
    for part, value in node.items():
        key, default = f"{prefix}{part}", defaults.get(part)
        if isinstance(value, dict) and "class_path" in value:
            path = value["class_path"]
            yield key, _class_name(path), _class_name(default)
            yield from _leaves(value.get("init_args") or {}, _defaults_of(pydoc.locate(path)), f"{key}.")
        elif isinstance(value, dict):
            yield from _leaves(value, default if isinstance(default, dict) else {}, f"{key}.")
        else:
            yield key, _plain(value), _plain(default)


def _defaults_of(maker: Any) -> dict[str, Any]:
    """Default of each argument of a class; the fields of a dataclass as a mapping; empty for ``None``."""
    if maker is None:  # a search may name a class by its last part alone
        return {}
    defaults = {name: parameter.default for name, parameter in inspect.signature(maker).parameters.items()}
    return {name: vars(value) if hasattr(value, "__dataclass_fields__") else value for name, value in defaults.items()}


def _class_name(path: Any) -> str:
    return str(path).rpartition(".")[2]


def _plain(value: Any) -> Value:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, list | tuple):
        parts = [_class_name(part["class_path"]) if isinstance(part, dict) else _plain(part) for part in value]
        return f"[{', '.join(map(str, parts))}]"
    return "null" if value is None else str(value)


DEFAULTS: dict[str, Any] = {
    "seed_everything": 0,
    "data": _defaults_of(FashionMNISTDataModule),
    "trainer": _defaults_of(Trainer),
    "optimizer": "torch.optim.Adam",
    "lr_scheduler": None,
}
