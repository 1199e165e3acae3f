"""Random configs and flags of train.py: success or one line, whatever they hold."""

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fmnist_pl.config import CONFIG_FOLDER, flatten, read_yaml
from fmnist_pl.console import shorten
from fmnist_pl.training import main
from fmnist_pl.training.options import resolve_config
from tests.properties.conftest import examples
from tests.properties.harness import run
from tests.properties.hostile import damaged, mutated, plain_values, similar, texts, values

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CONFIGS = {path.name: path.read_bytes() for path in sorted(CONFIG_FOLDER.glob("*.yaml"))}
SMALL = ["--data.source", "synthetic", "--data.synthetic_size", "100", "--trainer.accelerator", "cpu"]
ONE_STEP = [*SMALL, "--trainer.fast_dev_run", "true", "--trainer.devices", "1", "--trainer.strategy", "auto"]
SLOW = (
    "data.source", "data.synthetic_size", "data.root", "trainer.devices", "trainer.num_nodes", "trainer.strategy",
    "compile",
)  # fmt: skip
"""Keys that a step of training does not change: other images, other processes."""


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    """Every key of two configs, as a flag has it, with its value."""
    configs = [resolve_config(["fit", "--config", name]) for name in ("cnn.yaml", "dense.yaml")]
    return {key.replace(".init_args", ""): value for config in configs for key, value in flatten(config)}


@st.composite
def some_flags(draw: st.DrawFn, keys: dict[str, Any]) -> list[str]:
    """One to three flags with values of the right kind or of any other."""
    chosen = draw(st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=3))
    return [part for key in chosen for part in (f"--{key}", as_typed(draw(similar(keys[key]) | values)))]


def as_typed(value: Any) -> str:
    """A value as on a command line: YAML in one line, or the text itself."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else repr(value)


def written(content: bytes) -> list[str]:
    """Arguments for a config file of this content."""
    Path("c.yaml").write_bytes(content)
    return ["--config", "c.yaml"]


def dumped(tree: Any) -> bytes:
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode()


real_trees = st.sampled_from([yaml.safe_load(content) for content in CONFIGS.values()])


@examples(40)
@given(tree=real_trees.flatmap(mutated))
def test_a_config_of_other_keys_and_values(tree: Any) -> None:
    run(lambda: resolve_config(["fit", *written(dumped(tree))]))


@examples(40)
@given(content=st.sampled_from(list(CONFIGS.values())).flatmap(damaged))
def test_a_config_of_other_characters(content: bytes) -> None:
    run(lambda: resolve_config(["fit", *written(content)]))


@st.composite
def yaml_text(draw: st.DrawFn) -> str:
    """Text of YAML's own characters: anchors, aliases, tags, brackets, lines."""
    words = st.sampled_from(
        ["&a ", "*a", "!!str ", "!!map ", "!!python/object:os.system ", "<<: ", "? ", "- ", ": ", "| ", "> ", "{", "}"]
        + [
            "[",
            "]",
            ",",
            "\n",
            "\n  ",
            "\n    ",
            "---\n",
            "...\n",
            "# x\n",
            "'",
            '"',
            "model",
            "trainer",
            "a: ",
            "1",
            "\t",
        ]
        + ["%YAML 1.1\n", "\x00", "\ufeff", "\u2028", "\x85", "null", "~"]
    )
    text = "".join(draw(st.lists(words, max_size=30)))
    return text * draw(st.sampled_from([1, 1, 1, 50, 3000]))


@examples(400)
@given(text=yaml_text())
def test_any_yaml(text: str) -> None:
    def read() -> None:
        Path("c.yaml").write_text(text)
        content = read_yaml(Path("c.yaml"))
        assert len(list(itertools.islice(flatten(content), 20_001))) <= 20_000

    run(read)


@examples(40)
@given(data=st.data())
def test_any_flags(keys: dict[str, Any], data: st.DataObject) -> None:
    flags = data.draw(some_flags(keys))
    run(lambda: resolve_config(["fit", "--config", "dense.yaml", *flags]))


@examples(20)
@given(data=st.data())
def test_any_flags_for_a_step_of_training(keys: dict[str, Any], data: st.DataObject) -> None:
    flags = data.draw(some_flags({key: value for key, value in keys.items() if not key.startswith(SLOW)}))
    run(lambda: main(["fit", "--config", "dense.yaml", *flags, *ONE_STEP]))


CLASSES = {
    "optimizer": ["Adam", "SGD", "RMSprop", "Adagrad", "LBFGS", "Muon", "Adafactor", "SparseAdam", "ASGD", "Rprop"],
    "lr_scheduler": ["OneCycle", "Plateau", "StepLR", "OneCycleLR", "CyclicLR", "LambdaLR", "SequentialLR", "LinearLR"],
    "model": [
        "CNNClassifier",
        "DenseClassifier",
        "StridedCNNClassifier",
        "ResidualCNNClassifier",
        "Classifier",
        "Module",
    ],
    "trainer.callbacks": ["EarlyStopping", "StopAtAccuracy", "ModelCheckpoint", "Timer", "BatchSizeFinder", "Callback"],
}
ARGUMENTS = ["lr", "momentum", "betas", "step_size", "gamma", "T_max", "max_lr", "patience", "monitor", "hidden_sizes"]
ARGUMENTS += ["blocks", "dropout", "kernel_size", "threshold", "dirpath", "weight_decay", "total_steps", "duration"]


@examples(20)
@given(data=st.data())
def test_any_class_and_its_arguments(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(CLASSES)))
    arguments = data.draw(st.dictionaries(st.sampled_from(ARGUMENTS), plain_values, max_size=3))
    spec: Any = {"class_path": data.draw(st.sampled_from(CLASSES[key])), "init_args": arguments}
    tree = copy.deepcopy(yaml.safe_load(CONFIGS["dense.yaml"]))
    block, _, inner = key.partition(".")
    tree[block] = tree.get(block, {}) | {inner: [spec]} if inner else spec
    run(lambda: main(["fit", *written(dumped(tree)), *ONE_STEP]))


@examples(100)
@given(message=texts)
def test_any_message_of_the_parser_is_shortened(message: str) -> None:
    for form in (f'Parser key "{message}": {message}', message * 50, f"<class '{message}'> Given value: {message}"):
        run(lambda form=form: shorten(form))
