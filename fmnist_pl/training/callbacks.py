"""What watches over every training; a config may add its own."""

from lightning.pytorch.callbacks import Callback, ModelSummary

from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.training.checkpoints import BestCheckpoint, LastCheckpoint
from fmnist_pl.training.guards import NanGuard
from fmnist_pl.training.progress import EpochLines
from fmnist_pl.training.rate_curve import RateCurve
from fmnist_pl.training.step_seeds import StepSeeds
from fmnist_pl.training.stopwatch import Stopwatch


def fit_callbacks(
    data: FashionMNISTDataModule, stopwatch: Stopwatch, checkpointing: bool, summary: bool
) -> list[Callback]:
    """The callbacks of a training.

    Args:
        data: What is trained on.
        stopwatch: Times the training.
        checkpointing: Whether to keep checkpoints.
        summary: Whether to print the layers of the network.
    """
    callbacks: list[Callback] = [StepSeeds(data.seed), NanGuard(), stopwatch, EpochLines(stopwatch)]
    callbacks.append(RateCurve(logging_interval="step"))
    if summary:
        callbacks.append(ModelSummary(max_depth=2))
    if checkpointing and data.has_validation:
        callbacks.append(BestCheckpoint())
    if checkpointing:
        callbacks.append(LastCheckpoint())  # after the best one, which it then knows
    return callbacks
