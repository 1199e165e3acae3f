"""What the parser's messages become."""

import pytest

from fmnist_pl.errors import UserError
from fmnist_pl.training.options import resolve_config


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--trainer.max_epochs", "x"], "trainer.max_epochs: expected int; got x"),
        (["--data.source", "x"], "data.source: expected one of 'real', 'synthetic', 'auto'; got x"),
        (["--model.filters_9", "3"], "model: Option 'filters_9' is not accepted"),
        (["--model", "Foo"], "model: Expected a dot import path string: Foo"),
        (["--nonsense", "3"], "unrecognized arguments: --nonsense 3"),
    ],
)
def test_in_few_words(arguments: list[str], expected: str) -> None:
    with pytest.raises(UserError) as raised:
        resolve_config(["fit", "--config", "cnn.yaml", *arguments])
    assert str(raised.value).startswith(expected)
    assert len(str(raised.value)) < len(expected) + 60, "and little more"
