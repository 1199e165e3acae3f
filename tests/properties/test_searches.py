"""Random search spaces, search files and flags of tune.py: a search that samples, or one line."""

import contextlib
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from fmnist_pl.config import CONFIG_FOLDER, Config
from fmnist_pl.errors import UserError
from fmnist_pl.tuning import Search
from fmnist_pl.tuning.command_line import parse
from fmnist_pl.tuning.plan import Plan, base_config, check_plan
from fmnist_pl.tuning.samplers import make_pruner, make_sampler, next_params
from fmnist_pl.tuning.space import Space
from tests.properties.conftest import examples
from tests.properties.harness import run
from tests.properties.hostile import NUMBERS, damaged, mutated, plain_values, similar, texts, values

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SEARCHES = {path.name: path.read_bytes() for path in sorted((CONFIG_FOLDER / "search").glob("*.yaml"))}
KEYS = [
    "optimizer.init_args.lr", "model.init_args.hidden_sizes", "model.init_args.hidden_sizes.0", "data.batch_size",
    "$a", "$b", "model.init_args.dropout", "trainer.max_epochs", "seed_everything", "model",
    "model.init_args.hidden_sizes.999", "lr_scheduler",
]  # fmt: skip
BAD_KEYS = [
    "",
    ".",
    "a..b",
    "a.1.b",
    "x" * 300,
    "$",
    "data.9999999999",
    "model.init_args.hidden_sizes.-1",
    "a\n",
    5,
    None,
]

numbers = st.one_of(st.integers(0, 300), st.floats(0, 1), st.sampled_from(NUMBERS))


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    """A range that is sound more often than not."""
    low, high = sorted(draw(st.lists(st.integers(0, 10**6) | st.integers(0, 20), min_size=2, max_size=2)))
    kind = draw(st.sampled_from(["int", "float"]))
    content: dict[str, Any] = {"low": low, "high": high}
    if kind == "float":
        content = {name: value * draw(st.sampled_from([1, 1e-3, 1e-9, 1e9])) for name, value in content.items()}
    match draw(st.sampled_from(["", "step", "log", "number", "any"])):
        case "step":
            content["step"] = draw(numbers)
        case "log":
            content["log"] = draw(st.booleans())
        case "number":
            content[draw(st.sampled_from(["low", "high", "step"]))] = draw(numbers)
        case "any":
            content[draw(texts | st.sampled_from(["low", "high", "step", "log"]))] = draw(values)
    return {kind: content}


@st.composite
def parameters(draw: st.DrawFn, others: list[Any]) -> Any:
    """One entry of a space."""
    written = draw(
        st.one_of(
            ranges(),
            ranges(),
            st.fixed_dictionaries({"categorical": st.lists(plain_values | st.integers(0, 5), max_size=6)}),
            st.fixed_dictionaries({"categorical": st.dictionaries(texts, plain_values, max_size=4)}),
            values,
        )
    )
    if isinstance(written, dict) and draw(st.integers(0, 2)) == 0:
        wanted = st.one_of(
            numbers, plain_values, st.lists(numbers, max_size=3),
            st.dictionaries(st.sampled_from(["min", "max", "x"]), numbers | plain_values, max_size=2),
        )  # fmt: skip
        written["when"] = draw(st.dictionaries(st.sampled_from(others) | texts, wanted, max_size=2) | values)
    return written


@st.composite
def spaces(draw: st.DrawFn, keys: st.SearchStrategy[Any]) -> dict[Any, Any]:
    names = draw(st.lists(keys, min_size=1, max_size=5, unique_by=repr))
    return {name: draw(parameters(names)) for name in names}


def use(written: dict[Any, Any]) -> None:
    """Everything that a search does with its space, except training."""
    space = Space(written)
    str(space)
    size = space.size()
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    for _ in range(3):
        params = space.suggest(study.ask())
        space.check_params(params)
        with contextlib.suppress(UserError):
            space.apply(params, {"optimizer": {"init_args": {}}, "model": {"init_args": {}}, "data": {}, "trainer": {}})
    for sample in space.samples():
        space.check_params(space.complete(sample))
    if size is not None and size <= 2000:
        found = [frozenset(params.items()) for params in space.configurations()]
        assert len(found) == size
        assert len(set(found)) == size


@examples(200)
@given(written=spaces(st.sampled_from(KEYS) | st.sampled_from(KEYS) | st.sampled_from(BAD_KEYS) | texts))
def test_any_space(written: dict[Any, Any]) -> None:
    run(lambda: use(written))


@examples(150)
@given(written=spaces(st.sampled_from(KEYS)), name=st.sampled_from(["grid", "random", "tpe", "qmc", "nsgaii", "cmaes"]))
def test_any_space_is_sampled_by_all_samplers(dense: Config, written: dict[Any, Any], name: Any) -> None:
    def sample() -> None:
        plan = Plan(Search(base="dense.yaml", space=written, sampler=name, n_trials=5), dense)
        assert plan.budget > 0
        tried: list[dict[str, Any]] = []
        if name in ("grid", "random"):
            while len(tried) < min(plan.budget, 5):
                params = next_params(plan, tried)
                assert params is not None
                assert params not in tried
                tried.append(params)
        study = optuna.create_study(sampler=make_sampler(plan, 0), pruner=make_pruner(plan))
        plan.space.suggest(study.ask())

    run(sample)


@examples(30)
@given(written=spaces(st.sampled_from(KEYS)), data=st.data())
def test_any_plan(dense: Config, written: dict[Any, Any], data: st.DataObject) -> None:
    overrides = data.draw(st.dictionaries(st.sampled_from(KEYS) | texts, plain_values, max_size=2))
    points = data.draw(st.lists(st.dictionaries(st.sampled_from(KEYS), plain_values | st.integers(0, 20)), max_size=2))
    sampler = data.draw(st.sampled_from(["grid", "random", "tpe"]))
    run(
        lambda: check_plan(
            Plan(Search(base="dense.yaml", space=written, overrides=overrides, points=points, sampler=sampler), dense)
        )
    )


@examples(120)
@given(tree=st.sampled_from([yaml.safe_load(content) for content in SEARCHES.values()]).flatmap(mutated))
def test_a_search_of_other_keys_and_values(tree: Any) -> None:
    def read() -> None:
        Path("s.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
        search = parse(["--config", "s.yaml"])
        if search.space:
            Space(search.space)

    run(read)


@examples(60)
@given(content=st.sampled_from(list(SEARCHES.values())).flatmap(damaged))
def test_a_search_of_other_characters(content: bytes) -> None:
    def read() -> None:
        Path("s.yaml").write_bytes(content)
        parse(["--config", "s.yaml"])

    run(read)


FLAGS = {
    "n-trials": 50, "epochs": 3, "folds": 5, "repeats": 2, "seed": 1, "workers": 2, "workers-per-device": 1, "keep": 3,
    "refit": True, "refit-epochs": 3, "refit-resume": False, "sampler": "tpe", "pruner": "median", "folder": "f",
    "objectives": ["accuracy"], "sampler-args": {"n_startup_trials": 5}, "pruner-args": {}, "study-name": "x",
    "storage": "sqlite:///x.db", "base": "dense.yaml", "space.data.batch_size": {"int": {"low": 1, "high": 9}},
    "overrides.trainer.max_epochs": 3, "overrides.": 1, "refit-overrides.data.fold": 1, "space": {}, "points": [{}],
    "stages": [{}], "limits": {"parameters": 1000}, "limits.parameters": 1000, "limits.flops": 1e6,
}  # fmt: skip
"""Flags of tune.py with a value of the right kind."""


@examples(50)
@given(data=st.data())
def test_any_flags_of_a_search(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(FLAGS)), min_size=1, max_size=3))
    given_values = [data.draw(similar(FLAGS[name]) | values) for name in chosen]
    texts_given = [value if isinstance(value, str) else repr(value) for value in given_values]
    flags = [part for name, text in zip(chosen, texts_given, strict=True) for part in (f"--{name}", text)]
    assume("\x00" not in "".join(flags))  # no command line holds it
    run(lambda: parse(flags))
    run(lambda: parse([f"{name}={text}" for name, text in zip(flags[::2], texts_given, strict=True)]))


@pytest.fixture(scope="module")
def dense() -> Config:
    return base_config(Search(base="dense.yaml", space={"data.batch_size": {"int": {"low": 1, "high": 9}}}))
