"""Spaces: how they are written, which configurations they have, which configs these make."""

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
    sampled = [space.suggest(study.ask()) for _ in range(50)]
    assert {params["a"] for params in sampled} <= set(range(32, 129, 16))
    assert all(1e-4 <= params["b"] <= 1e-2 for params in sampled)
    assert sum(params["b"] < 1e-3 for params in sampled) > 10, "on a logarithmic scale half lie below the middle"
    assert {round(params["c"], 6) for params in sampled} <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}


def test_choices_of_every_kind() -> None:
    space = Space({
        "words": {"categorical": ["relu", "gelu"]},
        "lists": {"categorical": [[[32], [64]], [[16, 16]]]},
        "optimizer": {"categorical": [{"class_path": "Adam"}, {"class_path": "torch.SGD", "init_args": {"lr": 1}}]},
        "named": {"categorical": {"little": {"shift": 0.1}, "much": {"shift": 0.3}}},
    })  # fmt: skip
    made = [space.apply(params, {"named": {"shift": 0, "zoom": 2}}) for params in space.configurations()]
    assert len(made) == space.size() == 16
    assert [[16, 16]] in [config["lists"] for config in made]
    assert {"class_path": "torch.SGD", "init_args": {"lr": 1}} in [config["optimizer"] for config in made]
    assert {"shift": 0.3, "zoom": 2} in [config["named"] for config in made], "keys beside it are kept"
    assert "SGD" in str(space)


def test_a_condition_decides_what_is_there() -> None:
    space = Space(DEPTH)
    configurations = list(space.configurations())
    assert len(configurations) == space.size() == 6
    made = {tuple(space.apply(params, {"sizes": [1, 1, 1, 9]})["sizes"]) for params in configurations}
    assert made == {(8, 9), (16, 9), (8, 4, 9), (16, 4, 9), (8, 4, 2, 9), (16, 4, 2, 9)}, "places not searched stay"
    assert "$layers" not in space.apply(configurations[0], {"sizes": []})


def test_the_order_of_keys_does_not_matter() -> None:
    space = Space(dict(reversed(DEPTH.items())))
    assert len(list(space.configurations())) == 6


def test_a_list_within_a_list_goes_with_its_last_element() -> None:
    space = Space({
        "$blocks": {"int": {"low": 1, "high": 2}},
        "blocks.0.0": {"categorical": [8]},
        "blocks.1.0": {"categorical": [16], "when": {"$blocks": 2}},
    })  # fmt: skip
    assert [space.apply(params, {"blocks": [[1], [2]]})["blocks"] for params in space.configurations()] == [
        [[8]],
        [[8], [16]],
    ]


def test_a_key_within_a_chosen_block() -> None:
    space = Space({
        "optimizer.init_args.momentum": {"categorical": [0.9], "when": {"optimizer": "SGD"}},
        "optimizer": {"categorical": [{"class_path": "SGD", "init_args": {"lr": 1}}, {"class_path": "Adam"}]},
    })  # fmt: skip
    base = {"optimizer": {"class_path": "Adam", "init_args": {"betas": [0, 1]}}}
    made = [space.apply(params, base)["optimizer"] for params in space.configurations()]
    assert made == [{"class_path": "SGD", "init_args": {"lr": 1, "momentum": 0.9}}, {"class_path": "Adam"}]
    assert base == {"optimizer": {"class_path": "Adam", "init_args": {"betas": [0, 1]}}}, "left as it was"


def test_endless_spaces_have_no_grid() -> None:
    space = Space({"lr": {"float": {"low": 0.1, "high": 0.2}}})
    assert space.size() is None
    with pytest.raises(UserError, match="space.lr .*give it a step, or choices"):
        list(space.configurations())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"a": 3}, "space.a is 3: write"),
        ({"a": {"integer": {"low": 1, "high": 2}}}, "space.a is integer: write"),
        ({"a": {"int": {"low": 1}}}, "give low and high"),
        ({"a": {"int": {"low": 5, "high": 2}}}, "space.a .*low 5.*high 2"),
        ({"a": {"int": {"low": 1.5, "high": 2}}}, "space.a.int.low is 1.5: give an int"),
        ({"a": {"float": {"low": "x", "high": 2}}}, "give a float"),
        ({"a": {"float": {"low": 0, "high": 2, "log": True}}}, "space.a: `low > 0` must hold"),
        ({"a": {"float": {"low": 1, "high": 2, "log": True, "step": 0.1}}}, "space.a: .*step.*log"),
        ({"a": {"float": {"low": 0, "high": 1, "step": 1e-30}}}, "space.a.float .*larger step"),
        ({"a": {"categorical": []}}, "list at least one choice"),
        ({"a": {"categorical": [3, 3]}}, "names a choice twice"),
        ({"a": {"categorical": [1], "when": {"b": 1}}}, "space.a.when names b"),
        ({"a": {"categorical": [1], "when": {"a": 1}}}, "space.a.when is circular"),
        ({"a": {"categorical": [1]}, "b": {"categorical": [1], "when": {"a": 2}}}, "space.b is never active: .*a is 2"),
        ({"a": {"categorical": [1]}, "b": {"categorical": [1], "when": {"a": {"above": 2}}}}, "give min, max or both"),
        ({"a": {"categorical": [1]}, "b": {"categorical": [1], "when": 3}}, "when is 3: write"),
        (
            {"a": {"categorical": [1]}, "b": {"categorical": [1], "when": {"a": {"min": "x"}}}},
            "min and max are numbers",
        ),
        (
            {"a": {"categorical": ["x"]}, "b": {"categorical": [1], "when": {"a": {"min": 1}}}},
            "space.b is never active",
        ),
    ],
)
def test_what_is_no_space(written: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        Space(written)


def test_params_of_the_user_lie_in_the_space() -> None:
    space = Space({"a": {"int": {"low": 1, "high": 9, "step": 2}}, "b": {"categorical": ["x"]}})
    space.check_params({"a": 3, "b": "x"})
    for params, expected in (
        ({"a": 11}, "a is 11"),
        ({"c": 1}, "c, which is not in the space"),
        ({"b": "y"}, "b is y"),
    ):
        with pytest.raises(UserError, match=expected):
            space.check_params(params)


@pytest.mark.parametrize(
    ("written", "value", "inside"),
    [
        ({"int": {"low": 1, "high": 9, "step": 2}}, 4, False),
        ({"int": {"low": 1, "high": 9}}, 2.5, False),
        ({"int": {"low": 0, "high": 1}}, True, False),
        ({"int": {"low": 1, "high": 9}}, "3", False),
        ({"float": {"low": 0.0, "high": 0.5, "step": 0.1}}, 0.3, True),
        ({"float": {"low": 0.0, "high": 0.5, "step": 0.1}}, 0.35, False),
        ({"float": {"low": 0.0, "high": 0.5}}, float("nan"), False),
        ({"float": {"low": 0.0, "high": 2.0}}, 1, True),
        ({"categorical": {"some": {"shift": 1}}}, "some", True),
        ({"categorical": {"some": {"shift": 1}}}, {"shift": 1}, False),
    ],
)
def test_which_values_a_parameter_has(written: dict[str, Any], value: Any, inside: bool) -> None:
    assert Space({"a": written}).parameters[0].contains(value) == inside


LARGE = {"int": {"low": 0, "high": 2**70}}


@pytest.mark.parametrize(
    "written",
    [
        {"a": LARGE},
        {"a": {"float": {"low": 0, "high": 1, "step": 1e-15}}},
        {"a": LARGE, "b": {"categorical": [1], "when": {"a": {"min": 2**69}}}},
        {"a": LARGE, "b": {"categorical": [1], "when": {"a": [7, 2**70]}}},
        {f"a{i}": {"categorical": [1, 2]} for i in range(200)},
    ],
)
def test_a_large_space_is_counted_without_lists(written: dict[str, Any]) -> None:
    assert Space(written).size() is None
    assert next(Space(written).configurations())


def test_a_chain_of_conditions_is_counted_without_going_through_it() -> None:
    chain: dict[str, Any] = {"a0": {"int": {"low": 0, "high": 9}}}
    for i in range(1, 300):
        chain[f"a{i}"] = {"int": {"low": 0, "high": 9}, "when": {f"a{i - 1}": 0}}
    assert Space(chain).size() == 9 * 299 + 10


@pytest.mark.parametrize(
    ("condition", "active"),
    [({"min": 0.25}, 3), ({"max": 0.1}, 2), ({"min": 0.15, "max": 0.25}, 1), ([0.0, 0.5], 2)],
)
def test_conditions_on_steps_are_counted(condition: Any, active: int) -> None:
    space = Space({
        "a": {"float": {"low": 0.0, "high": 0.5, "step": 0.1}},
        "b": {"categorical": [1, 2], "when": {"a": condition}},
    })  # fmt: skip
    assert space.size() == len(list(space.configurations())) == 6 + active


def test_a_condition_between_two_steps_never_holds() -> None:
    owner = {"float": {"low": 0.0, "high": 0.5, "step": 0.1}}
    with pytest.raises(UserError, match="space.b is never active"):
        Space({"a": owner, "b": {"categorical": [1], "when": {"a": {"min": 0.11, "max": 0.19}}}})
