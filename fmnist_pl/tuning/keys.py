"""Dotted keys of a nested config: ``model.init_args.hidden_sizes.2``."""

import copy
from collections.abc import Collection
from typing import Any

from fmnist_pl.errors import UserError

ABSENT = object()


def set_keys(config: dict[str, Any], values: dict[str, Any], absent: Collection[str] = ()) -> dict[str, Any]:
    """A config with other values for dotted keys, the shorter before those within them; a number is a place in a list.

    Args:
        config: Left as it is.
        values: By dotted key.
        absent: Places of lists that are to be left out.

    Raises:
        UserError: A key goes through something that has no keys.
    """
    config = copy.deepcopy(config)
    for key in sorted(values, key=lambda key: (key.count("."), key)):
        _set(config, key, copy.deepcopy(values[key]))
    for key in absent:
        if key.rpartition(".")[2].isdigit():
            _set(config, key, ABSENT)
    return _without_absent(config)


def _set(config: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    node: Any = config
    for depth, part in enumerate(path):
        node = _step_into(node, part, list_next=(path + [last])[depth + 1].isdigit(), key=key)
    if isinstance(node, list) and last.isdigit():
        _lengthen(node, int(last))
        node[int(last)] = value
    elif isinstance(node, dict) and _is_block(value) and isinstance(node.get(last), dict):
        for part, inner in value.items():
            _set(node[last], str(part), inner)
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise UserError(f"{key}: there are no keys within {'.'.join(path)}")


def _is_block(value: Any) -> bool:
    """Whether a value changes some keys of what is there; a class with its arguments takes its place as a whole."""
    return isinstance(value, dict) and "class_path" not in value


def _step_into(node: Any, part: str, list_next: bool, key: str) -> Any:
    empty: Any = [] if list_next else {}
    if isinstance(node, list) and part.isdigit():
        _lengthen(node, int(part))
        if node[int(part)] is ABSENT:
            node[int(part)] = empty
        return node[int(part)]
    if not isinstance(node, dict):
        raise UserError(f"{key}: there are no keys within the value above {part}")
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
        if cleaned != [] or value == []:  # a list within a list goes when nothing of it is left
            kept.append(cleaned)
    return kept
