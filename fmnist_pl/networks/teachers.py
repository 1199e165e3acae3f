"""Read the teachers of a distillation: checkpoints whose training saw no validation image of the student."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from fmnist_pl.data.distillation import TEACHERS, split_difference
from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import read_checkpoint


def read_teachers(paths: Sequence[str], data: Mapping[str, Any]) -> list[nn.Module]:
    """Read the teachers, in float32 on the CPU, in eval mode.

    Args:
        paths: Checkpoints of ``train.py fit``.
        data: ``data`` block of the student's config, with every key of its split.

    Raises:
        UserError: A file is not a sound checkpoint, or its training had other images or another split.
    """
    return [_read(Path(path), data) for path in paths]


def _read(path: Path, data: Mapping[str, Any]) -> nn.Module:
    try:
        checkpoint = read_checkpoint(path)
        network = checkpoint.network()
    except UserError as error:
        raise UserError(f"{TEACHERS}: {error}") from error
    key = split_difference(data, checkpoint.config["data"])
    if key is not None:
        before, now = (json.dumps(block.get(key))[:100] for block in (checkpoint.config["data"], data))
        raise UserError(
            f"{TEACHERS}: {path} was trained with data.{key} {before}, and data.{key} is {now} here, so it "
            f"trained on other images, perhaps on validation images of this run; give a teacher of --data.{key} {now}"
        )
    return network
