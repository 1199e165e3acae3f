"""Spaces: how they are written, which points they have, which configs the points make."""

from typing import Any

import optuna
import pytest

from fmnist_pl.errors import UserError
from fmnist_pl.tuning.space import Space

DEPTH = {
    "$layers": {"int": {"low": 1, "high": 3}},
    "sizes.0": {"categorical": [8, 16]},
    "sizes.1": {"categorical": [4], "when": {"$layers": [2, 3]}},
    "sizes.2": {"categorical": [2], "when": {"$layers": {"min": 3}}},
}


def test_numbers_keep_to_range_step_and_scale() -> None:
    space = Space({
        "a": {"int": {"low": 32, "high": 128, "step": 16}},
        "b": {"float": {"low": 1e-4, "high": 1e-2, "log": True}},
        "c": {"float": {"low": 0.0, "high": 0.5, "step": 0.1}},
    })  # fmt: skip
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    points = [space.suggest(study.ask()) for _ in range(50)]
    assert {point["a"] for point in points} <= set(range(32, 129, 16))
    assert all(1e-4 <= point["b"] <= 1e-2 for point in points)
    assert sum(point["b"] < 1e-3 for point in points) > 10, "on a logarithmic scale half lie below the middle"
    assert {round(point["c"], 6) for point in points} <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}


def test_choices_of_every_kind() -> None:
    space = Space({
        "words": {"categorical": ["relu", "gelu"]},
        "lists": {"categorical": [[[32], [64]], [[16, 16]]]},
        "optimizer": {"categorical": [{"class_path": "Adam"}, {"class_path": "torch.SGD", "init_args": {"lr": 1}}]},
        "named": {"categorical": {"little": {"shift": 0.1}, "much": {"shift": 0.3}}},
    })  # fmt: skip
    made = [space.apply(point, {"named": {"shift": 0, "zoom": 2}}) for point in space.points()]
    assert len(made) == space.size() == 16
    assert [[16, 16]] in [config["lists"] for config in made]
    assert {"class_path": "torch.SGD", "init_args": {"lr": 1}} in [config["optimizer"] for config in made]
    assert {"shift": 0.3, "zoom": 2} in [config["named"] for config in made], "keys beside it are kept"
    assert "SGD" in str(space)


def test_a_condition_decides_what_is_there() -> None:
    space = Space(DEPTH)
    points = list(space.points())
    assert len(points) == space.size() == 6
    made = {tuple(space.apply(point, {"sizes": [1, 1, 1, 9]})["sizes"]) for point in points}
    assert made == {(8, 9), (16, 9), (8, 4, 9), (16, 4, 9), (8, 4, 2, 9), (16, 4, 2, 9)}, "places not searched stay"
    assert "$layers" not in space.apply(points[0], {"sizes": []})


def test_the_order_of_keys_does_not_matter() -> None:
    space = Space(dict(reversed(DEPTH.items())))
    assert len(list(space.points())) == 6


def test_a_list_within_a_list_goes_with_its_last_element() -> None:
    space = Space({
        "$blocks": {"int": {"low": 1, "high": 2}},
        "blocks.0.0": {"categorical": [8]},
        "blocks.1.0": {"categorical": [16], "when": {"$blocks": 2}},
    })  # fmt: skip
    assert [space.apply(point, {"blocks": [[1], [2]]})["blocks"] for point in space.points()] == [[[8]], [[8], [16]]]


def test_a_key_within_a_chosen_block() -> None:
    space = Space({
        "optimizer.init_args.momentum": {"categorical": [0.9], "when": {"optimizer": "SGD"}},
        "optimizer": {"categorical": [{"class_path": "SGD", "init_args": {"lr": 1}}, {"class_path": "Adam"}]},
    })  # fmt: skip
    base = {"optimizer": {"class_path": "Adam", "init_args": {"betas": [0, 1]}}}
    made = [space.apply(point, base)["optimizer"] for point in space.points()]
    assert made == [{"class_path": "SGD", "init_args": {"lr": 1, "momentum": 0.9}}, {"class_path": "Adam"}]
    assert base == {"optimizer": {"class_path": "Adam", "init_args": {"betas": [0, 1]}}}, "left as it was"


def test_endless_spaces_have_no_grid() -> None:
    space = Space({"lr": {"float": {"low": 0.1, "high": 0.2}}})
    assert space.size() is None
    with pytest.raises(UserError, match="lr has no end of values"):
        list(space.points())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"a": 3}, "space.a is 3: write"),
        ({"a": {"integer": {"low": 1, "high": 2}}}, "space.a is integer: write"),
        ({"a": {"int": {"low": 1}}}, "give low and high"),
        ({"a": {"int": {"low": 5, "high": 2}}}, "space.a is empty: low 5 lies above high 2"),
        ({"a": {"int": {"low": 1.5, "high": 2}}}, "space.a.int.low is 1.5: give an int"),
        ({"a": {"float": {"low": "x", "high": 2}}}, "give a float"),
        ({"a": {"float": {"low": 0, "high": 2, "log": True}}}, "space.a: `low > 0` must hold"),
        ({"a": {"float": {"low": 1, "high": 2, "log": True, "step": 0.1}}}, "space.a: .*step.*log"),
        ({"a": {"categorical": []}}, "list at least one choice"),
        ({"a": {"categorical": [3, 3]}}, "names a choice twice"),
        ({"a": {"categorical": [1], "when": {"b": 1}}}, "depends on b, which is not in the space"),
        ({"a": {"categorical": [1], "when": {"a": 1}}}, "in a circle"),
        ({"a": {"categorical": [1]}, "b": {"categorical": [1], "when": {"a": 2}}}, "b is never there: a is 2"),
        ({"a": {"categorical": [1]}, "b": {"categorical": [1], "when": {"a": {"above": 2}}}}, "give min, max or both"),
        ({"a": {"categorical": [1]}, "b": {"categorical": [1], "when": 3}}, "when is 3: write"),
        (
            {"a": {"categorical": [1]}, "b": {"categorical": [1], "when": {"a": {"min": "x"}}}},
            "min and max are numbers",
        ),
        ({"a": {"categorical": ["x"]}, "b": {"categorical": [1], "when": {"a": {"min": 1}}}}, "b is never there"),
    ],
)
def test_what_is_no_space(written: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        Space(written)


def test_points_of_the_user_lie_in_the_space() -> None:
    space = Space({"a": {"int": {"low": 1, "high": 9, "step": 2}}, "b": {"categorical": ["x"]}})
    space.check_point({"a": 3, "b": "x"})
    for point, expected in (({"a": 11}, "a is 11"), ({"c": 1}, "c, which is not in the space"), ({"b": "y"}, "b is y")):
        with pytest.raises(UserError, match=expected):
            space.check_point(point)
