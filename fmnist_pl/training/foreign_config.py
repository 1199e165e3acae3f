"""What a command takes from the config in a checkpoint, which anybody may have written.

The recipe: model, data, optimizer, schedule, epochs, precision. No places where files are read or written, nothing that
writes (callbacks, loggers, plugins, profilers), and no code but this package's and PyTorch's, unless the user names it
as well.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fmnist_pl.config import Config, recipe_of
from fmnist_pl.data.distillation import TEACHERS
from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import Checkpoint
from fmnist_pl.training.checkpoints import CHECKPOINT_FOLDER
from fmnist_pl.training.hardware import available_cores

BLOCKS = ("seed_everything", "model", "data", "optimizer", "lr_scheduler")
ALSO_RESUMED = (
    "threads", "steps_per_execution", "compile", "cuda_graph",
    "test_after_fit", "report", "live_pictures", "histograms",
)  # fmt: skip
ALSO_RESUMED_OF_TRAINER = (
    "accelerator", "devices", "strategy", "log_every_n_steps",
    "enable_checkpointing", "enable_model_summary", "enable_progress_bar",
)  # fmt: skip
"""Machine and output keys that a resumed run keeps: numbers and words."""
CALLBACKS = (
    "lightning.pytorch.callbacks.EarlyStopping",
    "lightning.pytorch.callbacks.EMAWeightAveraging",
    "lightning.pytorch.callbacks.GradientAccumulationScheduler",
    "lightning.pytorch.callbacks.StochasticWeightAveraging",
    "fmnist_pl.training.callbacks.StopAtAccuracy",
)
"""Callbacks that are a part of the recipe and write nothing: a resumed run keeps them."""
LEFT_OUT = ("data.root", "trainer.logger", "trainer.plugins", "trainer.profiler")
"""Keys that change a run and are not taken over; the user is told."""

CODE = ("fmnist_pl.models.", "fmnist_pl.networks.", "torch.optim.", *CALLBACKS)
PLAIN_WORD = re.compile(r"(\w[\w+:/ -]{0,99})?")  # without a dot, so that it cannot be imported
NAMED_BY = {"model": "--model.network", "optimizer": "--optimizer", "lr_scheduler": "--lr_scheduler"}


def evaluated_config(checkpoint: Checkpoint, typed: set[str]) -> Config:
    """What an evaluation takes from a checkpoint: the model, the data, the number format, the epochs for the report.

    Args:
        checkpoint: The checkpoint.
        typed: Every word that the user gave, in flags and configs.

    Raises:
        UserError: It names code that the user did not.
    """
    trainer = {key: value for key, value in checkpoint.config["trainer"].items() if key in ("precision", "max_epochs")}
    config = _with_teachers(_recipe(checkpoint), [])
    return _checked(config | {"trainer": trainer}, checkpoint.path, typed)


def resumed_config(checkpoint: Checkpoint, typed: set[str]) -> Config:
    """What a training takes from the checkpoint that it continues; prints which keys it leaves out.

    The training writes beside the run in whose folder the checkpoint lies, wherever the checkpoint says.

    Args:
        checkpoint: The checkpoint.
        typed: Every word that the user gave, in flags and configs.

    Raises:
        UserError: It names code or teachers that the user did not.
    """
    found = checkpoint.config
    trainer = dict(recipe_of(found)["trainer"])
    callbacks = trainer.pop("callbacks", None) or []
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    kept = [each for each in callbacks if isinstance(each, dict) and each.get("class_path") in CALLBACKS]
    config = _with_teachers(_recipe(checkpoint), _resumed_teachers(checkpoint, typed))
    config |= {"trainer": trainer | {"callbacks": kept}}
    config |= {key: found[key] for key in ALSO_RESUMED if key in found}
    if isinstance(config.get("threads"), int):
        config["threads"] = min(config["threads"], available_cores())
    config["trainer"] |= {key: found["trainer"][key] for key in ALSO_RESUMED_OF_TRAINER if key in found["trainer"]}
    if isinstance(found["trainer"].get("logger"), bool):
        config["trainer"]["logger"] = found["trainer"]["logger"]
    _checked(config, checkpoint.path, typed)
    root = _root_of(checkpoint)
    if root is not None:
        config["trainer"]["default_root_dir"] = str(root)
    left_out = [key for key in LEFT_OUT if _value(found, key) not in (None, True, False)]
    _tell(checkpoint.path, left_out + (["trainer.callbacks"] if len(kept) < len(callbacks) else []))
    return config


def words(content: Any) -> Iterator[str]:
    """Every text in nested lists and mappings, except keys."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list | tuple):
        for value in content:
            yield from words(value)
    elif isinstance(content, str):
        yield content


def _recipe(checkpoint: Checkpoint) -> Config:
    recipe = recipe_of(checkpoint.config)
    return {"name": checkpoint.config["name"]} | {key: recipe[key] for key in BLOCKS if key in recipe}


def _with_teachers(config: Config, teachers: list[str]) -> Config:
    """Copy of a config with these teachers, files that a distillation reads, instead of its own."""
    distillation = config["data"].get("distillation")
    if not isinstance(distillation, dict):
        return config
    return config | {"data": config["data"] | {"distillation": distillation | {"teachers": teachers}}}


def _resumed_teachers(checkpoint: Checkpoint, typed: set[str]) -> list[str]:
    """The teachers of a checkpoint that the user names as well; none if the user names others."""
    distillation = checkpoint.config["data"].get("distillation")
    teachers = list(words(distillation.get("teachers"))) if isinstance(distillation, dict) else []
    if typed.issuperset(teachers):
        return teachers
    if any(word.startswith(f"--{TEACHERS}") for word in typed):
        return []
    raise UserError(
        f"{checkpoint.path} was distilled from {', '.join(teachers)!a:.300}, and a checkpoint chooses no files to "
        f"read: give its teachers yourself, with --{TEACHERS} '[FILE, ...]'"
    )


def _checked(config: Config, path: Path, typed: set[str]) -> Config:
    """Check that every text is a plain word, or names code that is known or that the user names as well."""
    for block, content in config.items():
        for word in words(content) if block != "name" else ():
            known = word.startswith(CODE) or word in typed or _is_imported(word)
            if not PLAIN_WORD.fullmatch(word) and not known:
                raise UserError(
                    f"{path} names {word!a:.100} in {block}, which is not of this package: if you trust it, "
                    f"give it yourself as well, with {NAMED_BY.get(block, f'--{block}')}"
                )
    return config


def _is_imported(class_path: str) -> bool:
    """Whether a class path is that of a network, optimizer or schedule whose module is imported already."""
    module, _, name = class_path.rpartition(".")
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and issubclass(kind, nn.Module | Optimizer | LRScheduler)


def _root_of(checkpoint: Checkpoint) -> Path | None:
    """``runs`` for ``runs/<name>/version_N/checkpoints/last.ckpt``; ``None`` for a file elsewhere."""
    path = checkpoint.path if len(checkpoint.path.parents) > 3 else checkpoint.path.absolute()
    folders = [folder.name for folder in path.parents]
    version = folders[1] if len(folders) > 3 else ""
    is_run = version.startswith("version_") and folders[:3] == [CHECKPOINT_FOLDER, version, checkpoint.config["name"]]
    return path.parents[3] if is_run else None


def _value(config: Config, key: str) -> Any:
    block, _, name = key.partition(".")
    return config[block].get(name)


def _tell(path: Path, left_out: list[str]) -> None:
    if left_out and rank_zero_only.rank == 0:
        print(f"{path}: {', '.join(left_out)} are not taken from a checkpoint; give them again", file=sys.stderr)
