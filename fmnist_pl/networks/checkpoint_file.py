"""Read a checkpoint file that anybody may have written: no code of it runs, and it takes no more memory than its size.

One check of the whole structure, so that what follows can rely on it: the archive, the pickle's instructions, the
tensors, and the entries that ``train.py fit`` writes.
"""

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fmnist_pl.errors import UserError

LARGEST_PICKLE = 5_000_000  # bytes of everything but the tensors; a run of 10,000 epochs has 1 MB
MOST_VALUES = 1_000_000  # of a checkpoint, tensors counted as one each
DEEPEST = 50  # lists and mappings within each other
MOST_CONFIG_VALUES = 20_000
LARGEST_INTEGER = 2**53
TENSORS_PER_BYTE = 10  # bytes of all tensors together per byte of the file, since tensors may share memory
BUILDERS = ("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter")
"""What the pickle may call, beside naming a kind of storage. Others that torch allows can allocate any memory."""

ENTRIES: dict[str, tuple[type, ...]] = {
    "state_dict": (dict,),
    "epoch": (int,),
    "global_step": (int,),
    "pytorch-lightning_version": (str,),
    "config": (dict,),
    "config.name": (str,),
    "config.model": (dict,),
    "config.model.class_path": (str,),
    "config.model.init_args": (dict,),
    "config.data": (dict,),
    "config.data.source": (str,),
    "config.data.verify": (bool,),
    "config.data.synthetic_size": (int,),
    "config.data.val_fraction": (int, float),
    "config.data.split_seed": (int,),
    "config.trainer": (dict,),
    "config.trainer.precision": (str, type(None)),
}
"""Entries that every checkpoint has, with their types."""


def load_checkpoint_file(path: Path) -> dict[str, Any]:
    """Read and check a checkpoint file, with its tensors mapped from the disk.

    Raises:
        UserError: There is no such file, or it is not a sound checkpoint of this project.
    """
    try:
        if not path.is_file():
            raise UserError(
                f"no checkpoint {path}: give the path of a .ckpt file (runs/<name>/version_N/checkpoints/...)"
            )
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UserError:
        raise
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise UserError(f"{path} cannot be read as a checkpoint ({type(error).__name__}): is it complete?") from error
    if not isinstance(content, dict) or "config" not in content:
        raise UserError(f"{path} holds no config: it was not written by this project's train.py fit")
    _check_values(content, path)
    _check_entries(content, path)
    _check_weights(content["state_dict"], path)
    return content


def _check_archive(path: Path) -> None:
    """Check that the file unpacks to no more than its size, and that its pickle builds nothing but tensors."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        is_stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
        if not is_stored or sum(member.file_size for member in members) > path.stat().st_size:
            raise _unsound(path, "it unpacks to more than its size")
        for member in (member for member in members if member.filename.endswith(".pkl")):
            if member.file_size > LARGEST_PICKLE:
                raise _unsound(path, f"it holds more than {LARGEST_PICKLE:,} bytes beside its tensors")
            _check_pickle(archive.read(member), path)


def _check_pickle(content: bytes, path: Path) -> None:
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name == "GLOBAL" and argument not in BUILDERS:
            module, _, name = str(argument).partition(" ")
            if module != "torch" or not name.endswith("Storage"):
                raise _unsound(path, f"it would call {argument!a}")


def _check_values(content: dict[str, Any], path: Path) -> None:
    """Check that a checkpoint holds plain data and dense tensors alone, and no more than its file can hold."""
    tensor_bytes = 0
    for number, value in enumerate(_walk(content, path)):
        if number > MOST_VALUES:
            raise _unsound(path, f"it holds more than {MOST_VALUES:,} values")
        if isinstance(value, Tensor):
            if type(value) not in (Tensor, nn.Parameter) or value.layout != torch.strided or value.device.type != "cpu":
                raise _unsound(path, "it holds a tensor that is not dense")
            tensor_bytes += value.numel() * value.element_size()
        elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise _unsound(path, "it holds an integer beyond 2^53")
        elif not isinstance(value, str | int | float | None):
            raise _unsound(path, f"it holds a {type(value).__name__}")
    if tensor_bytes > TENSORS_PER_BYTE * path.stat().st_size:
        raise _unsound(path, f"its tensors take {tensor_bytes:,} bytes, more than the file holds")
    for number, value in enumerate(_walk(content["config"], path)):
        if number > MOST_CONFIG_VALUES or isinstance(value, Tensor):
            raise _unsound(path, f"its config is not plain data of at most {MOST_CONFIG_VALUES:,} values")


def _walk(content: Any, path: Path) -> Iterator[Any]:
    """Every leaf of nested lists and mappings, and every key."""
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise _unsound(path, f"it is nested more than {DEEPEST} deep")
        if isinstance(value, dict):
            yield from value.keys()
            waiting += [(child, depth + 1) for child in value.values()]
        elif isinstance(value, list | tuple):
            yield None
            waiting += [(child, depth + 1) for child in value]
        else:
            yield value


def _check_entries(content: dict[str, Any], path: Path) -> None:
    for key, kinds in ENTRIES.items():
        value: Any = content
        for part in key.split("."):
            if part not in value:
                raise _unsound(path, f"{key} is missing")
            value = value[part]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _unsound(path, f"{key} is of type {type(value).__name__}, not {kinds[0].__name__}")
    history = content.get("history", [])
    if not isinstance(history, list) or not all(_is_epoch(epoch) for epoch in history):
        raise _unsound(path, "history is not a list of metrics per epoch")
    sums = content.get("train_sums", {})
    if not isinstance(sums, dict) or not all(isinstance(value, float) for value in sums.values()):
        raise _unsound(path, "train_sums does not hold sums of metrics")
    if content["epoch"] < 0 or content["global_step"] < 0:
        raise _unsound(path, "epoch or global_step is negative")


def _is_epoch(metrics: Any) -> bool:
    return (
        isinstance(metrics, dict)
        and "epoch" in metrics
        and all(isinstance(key, str) and isinstance(value, int | float) for key, value in metrics.items())
    )


def _check_weights(weights: dict[str, Any], path: Path) -> None:
    """Check that all weights are tensors of finite values.

    Raises:
        UserError: They are not.
    """
    for name, tensor in weights.items():
        if not (isinstance(name, str) and isinstance(tensor, Tensor)):
            raise _unsound(path, f"state_dict.{name!a} is no tensor")
    check_finite(weights, path)


def check_finite(weights: dict[str, Tensor], path: Path) -> None:
    """Check that no weight is NaN or infinite.

    Raises:
        UserError: One is.
    """
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise UserError(
                f"{path} holds weights that are not finite ({name!a}): train again with a lower optimizer.lr"
            )


def _unsound(path: Path, what: str) -> UserError:
    return UserError(f"{path} is not a sound checkpoint: {what}; give a file that this project's train.py fit wrote")
