"""The one way into training: the command line, the search, the tests and the benchmarks all come through here."""

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from fmnist_pl.errors import UserError
from fmnist_pl.training.cli import FashionCLI
from fmnist_pl.training.hardware import keep_freed_memory, look_for_gpus_once
from fmnist_pl.training.mistakes import mistake_behind

QUIET_LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed")
EXPECTED_WARNINGS = (
    "Precision bf16-mixed is not supported by the model summary",  # its megabytes are of no use here
    "`torch.jit.trace",  # TensorBoard's graph is made with it
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",  # within Lightning
    "Be aware that when using `ckpt_path`, callbacks used to create",  # an evaluation needs no checkpoints
    "The number of training batches .* is smaller than the logging interval",  # epochs are logged all the same
)


def train(args: list[str], callbacks: Sequence[Callback] = ()) -> dict[str, Any]:
    """Run one command of train.py.

    Args:
        args: As on the command line: ``["fit", "--config", "cnn.yaml", "--trainer.max_epochs", "3"]``.
        callbacks: More callbacks, beside those of the config.

    Returns:
        What the run came to: the content of its metrics.json.

    Raises:
        UserError: The arguments, the images or a checkpoint are not as they must be, or the training diverged.
    """
    silence_the_expected()
    keep_freed_memory()
    look_for_gpus_once()
    threads = torch.get_num_threads()
    try:
        return FashionCLI(args, callbacks).metrics
    except Exception as error:
        mistake = mistake_behind(error)
        if mistake is None:
            raise
        raise mistake from error
    finally:
        torch.set_num_threads(threads)


def main(args: list[str] | None = None) -> int:
    """The command line of train.py.

    Returns:
        The exit code: 0, or 1 after an error that was told in one line.
    """
    try:
        train(sys.argv[1:] if args is None else args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def silence_the_expected() -> None:
    """Let Lightning's greetings, and warnings of what is meant to be so, go unsaid."""
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
