"""The argument parser: one-line errors, and no work for commands that are not asked for."""

from typing import NoReturn

from jsonargparse import ActionYesNo
from jsonargparse.typing import PositiveInt
from lightning.pytorch.cli import LightningArgumentParser

from fmnist_pl.errors import UserError
from fmnist_pl.models.classifier import OptimizerFactory, SchedulerFactory
from fmnist_pl.training.messages import HELP, in_few_words


class OneLineErrorParser(LightningArgumentParser):
    """Raises a UserError where LightningCLI prints sixty lines of usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if isinstance(ex, UserError):
            raise ex
        raise UserError(f"{in_few_words(message)} {HELP}") from ex


def add_run_arguments(parser: LightningArgumentParser, name: str) -> None:
    """Add what belongs to a run as a whole.

    Args:
        parser: Of one subcommand.
        name: Default name of the run.
    """
    parser.add_argument("--name", type=str, default=name, help="Name of the run's folder, runs/NAME/version_N.")
    parser.add_argument(
        "--threads",
        type=PositiveInt | None,
        default=None,
        help="CPU threads of each process; null for all cores. Sums depend on it in their last bits.",
    )
    parser.add_argument(
        "--optimizer",
        type=OptimizerFactory,
        default={"class_path": "torch.optim.Adam", "init_args": {"lr": 0.001}},
        help="Optimizer class of torch.optim and its arguments (--optimizer SGD --optimizer.lr 0.1).",
    )
    parser.add_argument(
        "--lr_scheduler",
        type=SchedulerFactory | None,
        default=None,
        help="Learning-rate schedule: OneCycle, Plateau or a class of torch.optim.lr_scheduler; null for none.",
    )
    parser.link_arguments("optimizer", "model.init_args.optimizer")
    parser.link_arguments("lr_scheduler", "model.init_args.lr_scheduler")
    parser.link_arguments("seed_everything", "data.seed")


def add_report_argument(parser: LightningArgumentParser) -> None:
    """Add what belongs to every test."""
    parser.add_argument(
        "--report", type=bool, default=True, help="Write report/ after the test: tables, pictures, report.html."
    )


def add_fit_arguments(parser: LightningArgumentParser) -> None:
    """Add what belongs to a training alone."""
    parser.add_argument(
        "--steps_per_execution",
        type=PositiveInt | None,
        default=None,
        help="Optimizer steps in one call, with nothing between them; null to choose by their size.",
    )
    switches = {
        "--compile": (False, "Compile the network for the training steps (torch.compile), before the first of them."),
        "--test_after_fit": (True, "Test the best checkpoint once when training is over."),
        "--live_pictures": (True, "Show augmented images, confusion matrix and mistakes in TensorBoard, now and then."),
        "--histograms": (False, "Show the distributions of weights and gradients in TensorBoard, once an epoch."),
    }
    for name, (default, text) in switches.items():
        parser.add_argument(name, type=bool, default=default, help=text)


def add_predict_arguments(parser: LightningArgumentParser) -> None:
    """Add what belongs to predictions alone."""
    parser.add_argument(
        "--show",
        action=ActionYesNo,
        default=False,
        help="With --data.predict_path: draw each photo, what the network saw and its verdict, as a PNG.",
    )
