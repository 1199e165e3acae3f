"""Dotted keys of nested data: ``model.init_args.hidden_sizes.2``."""

import copy
import itertools
from collections.abc import Collection
from typing import Any

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError

ABSENT = object()


def set_keys(config: Config, values: dict[str, Any], absent: Collection[str] = ()) -> Config:
    """Copy of `config` with dotted keys set, parents before children; integers index lists.

    Args:
        config: Nested plain data.
        values: Values by dotted key.
        absent: Dotted keys of list elements to remove.

    Raises:
        UserError: A key leads into a value that has no keys.
    """
    config = copy.deepcopy(config)
    for key in sorted(values, key=lambda key: (key.count("."), key)):
        _set(config, key, copy.deepcopy(values[key]))
    for key in absent:
        if key.rpartition(".")[2].isdigit():
            _set(config, key, ABSENT)
    return _without_absent(config)


def _set(config: Config, key: str, value: Any) -> None:
    *path, last = key.split(".")
    node: Any = config
    for part, following in itertools.pairwise([*path, last]):
        node = _child(node, part, following.isdigit(), key)
    if isinstance(node, list) and last.isdigit():
        _lengthen(node, int(last))
        node[int(last)] = value
    elif isinstance(node, dict) and _is_partial(value) and isinstance(node.get(last), dict):
        for part, inner in value.items():
            _set(node[last], str(part), inner)
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise UserError(f"{key}: {'.'.join(path)} has no keys")


def _is_partial(value: Any) -> bool:
    """Whether a value changes single keys of a mapping; a class with its arguments replaces the mapping."""
    return isinstance(value, dict) and "class_path" not in value


def _child(node: Any, part: str, list_next: bool, key: str) -> Any:
    """Step into a mapping or a list, creating what is missing."""
    empty: Any = [] if list_next else {}
    if isinstance(node, list) and part.isdigit():
        _lengthen(node, int(part))
        if node[int(part)] is ABSENT:
            node[int(part)] = empty
        return node[int(part)]
    if not isinstance(node, dict):
        raise UserError(f"{key}: the value above {part} has no keys")
    if node.get(part) is None:
        node[part] = empty
    return node[part]


def _lengthen(items: list[Any], place: int) -> None:
    items.extend([ABSENT] * (place + 1 - len(items)))


def _without_absent(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_absent(value) for key, value in node.items()}
    if not isinstance(node, list):
        return node
    kept = []
    for value in node:
        cleaned = _without_absent(value) if value is not ABSENT else []
        if cleaned != [] or value == []:  # an inner list is removed when all of its elements are
            kept.append(cleaned)
    return kept
