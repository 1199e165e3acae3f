"""Strategies for values, names and trees of data that a stranger or a typing error could make."""

import copy
from typing import Any

from hypothesis import strategies as st

NUMBERS = [
    0, -1, 1, 2, 3, 10, 100, 2**31, 2**53 + 1, 2**63, -(2**63), 10**30, 10**400, 0.5, 1.5, -0.5, 1e-300, 1e300,
    float("nan"), float("inf"), -float("inf"),
]  # fmt: skip
TEXTS = [
    "", " ", "x", "null", "true", "1", "1e3", "-1", ".", "..", "../..", "/", "~", "a/b", "-", "--x", "=1+1", "@x", "%s",
    "{}", "[", "{", "&a", "*a", "!!python/name:os.system", "\x1b[2J", "a\0b", "\n", "\u202e", "é", "😀", "\ud800",
    "\udcff", "n" * 300, "9" * 5000, "1_000", "0x10", "1:30", "2020-01-01", "auto", "max", "cpu", "gpu", "yes",
    "torch.optim.SGD", "torch.optim", "torch.nope.Nope", "fmnist_pl", "fmnist_pl.models.Classifier", "a.b.c",
    "dense.yaml", "nowhere.yaml",
]  # fmt: skip
BLOCKS: list[Any] = [
    {}, [], [[]], [{}], {"class_path": None}, {"class_path": "torch.optim.SGD"}, {"init_args": {}}, [0] * 200,
    {"class_path": "torch.optim.SGD", "init_args": {"lr": "x"}}, {"class_path": ["a"], "init_args": [1]},
    {"a": {"b": {"c": {}}}}, {"": 1}, {"a.b": 1}, {1: 2}, {None: 1}, {True: 1}, {"__class__": 1}, {"self": 1},
]  # fmt: skip
EDGES: list[Any] = [None, True, False, *NUMBERS, *TEXTS, *BLOCKS]

texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=20))
leaves = st.one_of(
    st.sampled_from(EDGES),
    st.integers(-(10**20), 10**20),
    st.integers(-3, 300),
    st.floats(),
    texts,
    st.binary(max_size=5),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)


def plain(value: Any) -> bool:
    """Whether YAML and JSON can hold it: no bytes and no lone surrogates."""
    if isinstance(value, dict):
        return all(plain(key) and plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return not isinstance(value, bytes) and not (
        isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)
    )


plain_values = values.filter(plain)


def similar(value: Any) -> st.SearchStrategy[Any]:
    """Values of the same kind, most of them out of bounds: what a typing error makes."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int | float):
        return st.one_of(st.sampled_from(NUMBERS), st.floats(-2, 2), st.integers(-2, 70_000))
    if isinstance(value, list):
        return st.lists(similar(value[0]) if value else plain_values, max_size=5)
    return plain_values


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in nested lists and mappings, parents included."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list | tuple) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, tree: Any, values: st.SearchStrategy[Any] = plain_values, most: int = 3) -> Any:
    """A copy of nested data in which a few values are replaced, removed, added, repeated or moved."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, most))):
        *path, last = draw(st.sampled_from([place for place in places(tree) if place]))
        node = tree
        for part in path:
            node = node[part]
        if isinstance(node, tuple):
            continue
        match draw(st.sampled_from(["similar", "similar", "similar", "replace", "drop", "add", "nest", "move"])):
            case "similar":
                node[last] = draw(similar(node[last]))
            case "replace":
                node[last] = draw(values)
            case "drop":
                del node[last]
            case "add" if isinstance(node, dict):
                node[draw(texts.filter(plain))] = draw(values)
            case "add":
                node.insert(last, draw(values))
            case "nest":
                node[last] = draw(st.sampled_from([[node[last]], {"x": node[last]}, [node[last]] * 3]))
            case "move":
                other = draw(st.sampled_from(places(tree)))
                moved = tree
                for part in other:
                    moved = moved[part]
                node[last] = copy.deepcopy(moved)
        if not places(tree)[1:]:
            break
    return tree


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of which a few are replaced, removed, inserted or repeated."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(changed) - 1, 0)) | st.integers(0, min(len(changed), 64)))
        length = draw(st.integers(0, 16) | st.integers(0, len(changed)))
        match draw(st.sampled_from(["replace", "cut", "insert", "repeat", "end"])):
            case "replace":
                new = draw(st.binary(min_size=1, max_size=16))
                changed[start : start + len(new)] = new
            case "cut":
                del changed[start : start + length]
            case "insert":
                changed[start:start] = draw(st.binary(max_size=16))
            case "repeat":
                changed[start:start] = changed[start : start + length]
            case "end":
                del changed[start:]
    return bytes(changed)
