"""The callbacks of every training; a config may add others with ``trainer.callbacks``."""

from jsonargparse import Namespace
from lightning.pytorch.callbacks import Callback, ModelSummary

from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.training.callbacks.capture import Capture
from fmnist_pl.training.callbacks.compile import Compile
from fmnist_pl.training.callbacks.distillation import Distill
from fmnist_pl.training.callbacks.learning_rate import LearningRateCurve
from fmnist_pl.training.callbacks.nan_guard import NanGuard
from fmnist_pl.training.callbacks.progress import EpochLines, progress_bar
from fmnist_pl.training.callbacks.step_seeds import StepSeeds
from fmnist_pl.training.callbacks.stop_at_accuracy import StopAtAccuracy
from fmnist_pl.training.callbacks.stopwatch import Stopwatch
from fmnist_pl.training.checkpoints import BestCheckpoint, LastCheckpoint
from fmnist_pl.training.signals import StopOnSignal

__all__ = ["StopAtAccuracy", "fit_callbacks", "progress_bar"]


def fit_callbacks(data: FashionMNISTDataModule, config: Namespace) -> list[Callback]:
    """The callbacks of a training, in the order in which they run.

    Args:
        data: The data of the training.
        config: The parsed config of the command.
    """
    trainer = config.trainer
    has_events = trainer.logger is not False and not trainer.fast_dev_run
    stopwatch = Stopwatch()
    # the guard reads the weights at the end of an epoch, so that a GPU has finished it before the stopwatch looks
    callbacks: list[Callback] = [StepSeeds(data.seed), NanGuard()]
    if data.distillation.teachers:
        callbacks.append(Distill(data))
    if config.compile:
        callbacks.append(Compile(stopwatch))  # before the stopwatch, which starts with the training
    if config.cuda_graph:
        callbacks.append(Capture(stopwatch))  # after Compile, whose code it captures
    live_figures, histograms = config.live_pictures and has_events, config.histograms and has_events
    if live_figures or histograms:
        from fmnist_pl.training.callbacks import tensorboard  # imports matplotlib
    if live_figures:
        callbacks.append(tensorboard.LiveFigures())  # before the stopwatch, so that images/s exclude the drawing
    callbacks += [stopwatch, EpochLines(stopwatch), LearningRateCurve(logging_interval="step")]
    if histograms:
        callbacks.append(tensorboard.Histograms())
    if trainer.enable_model_summary is not False:
        callbacks.append(ModelSummary(max_depth=2))
    if trainer.enable_checkpointing is not False and data.has_validation:
        callbacks.append(BestCheckpoint())
    if trainer.enable_checkpointing is not False:
        stop = StopOnSignal()
        # from the start of the training on; and after the best checkpoint, whose state is saved
        callbacks = [stop, *callbacks, LastCheckpoint(stop)]
    return callbacks
