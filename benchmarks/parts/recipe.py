"""A recipe with some of its keys changed."""

from collections.abc import Iterable

from fmnist_pl.training.resolve_config import resolve_config
from fmnist_pl.training.run import silence_the_expected


def changed_recipe(config: str, changes: Iterable[str]) -> list[str]:
    """Arguments of a training, checked, so that a wrong key is told before hours of other runs.

    Args:
        config: Its name, without ending.
        changes: Flags of ``train.py fit`` without their hyphens: key=value.

    Raises:
        UserError: There is no such config, or a key or value is wrong.
    """
    arguments = ["fit", "--config", f"{config}.yaml", *(f"--{change}" for change in changes)]
    silence_the_expected()
    resolve_config(arguments)
    return arguments
