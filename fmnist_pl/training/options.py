"""The options of each command, parsed by LightningCLI, and the objects that they describe: model, data and trainer."""

import json
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from jsonargparse import ActionYesNo
from lightning import Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from fmnist_pl.bounds import check_bounds, check_nulls
from fmnist_pl.config import Config, check_name
from fmnist_pl.console import OneLineErrors
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.errors import UserError
from fmnist_pl.models import Classifier
from fmnist_pl.models.classifier import OptimizerFactory, SchedulerFactory
from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.training.arguments import complete, last_value
from fmnist_pl.training.callbacks import StopAtAccuracy, fit_callbacks, progress_bar
from fmnist_pl.training.callbacks.resume_check import ResumeCheck
from fmnist_pl.training.checkpoints import LAST, AtomicCheckpointIO, CheckpointContent
from fmnist_pl.training.command_line import COMMANDS, DEFAULT_ROOT
from fmnist_pl.training.hardware import Threads, choose_device_type, choose_threads, cpu_threads, processes_of
from fmnist_pl.training.library_errors import mistake_behind
from fmnist_pl.training.number_format import NumberFormat, choose_number_format
from fmnist_pl.training.predictions import CollectPredictions
from fmnist_pl.training.run_folder import RunLogger, RunRecorder
from fmnist_pl.training.steps_per_execution import training_flops
from fmnist_pl.training.trackers import RunCSVLogger, set_default_places
from fmnist_pl.training.trainer import make_trainer

__all__ = ["Options", "ParsedOptions", "StopAtAccuracy", "resolve_config"]  # configs name StopAtAccuracy

TRAINER_DEFAULTS = {"devices": 1, "max_epochs": 10, "num_sanity_val_steps": 0, "default_root_dir": DEFAULT_ROOT}
METHOD_DEFAULTS = {"weights_only": True, "verbose": False}
ADAM = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.001}}


class OptionsParser(OneLineErrors, LightningArgumentParser):
    """LightningCLI's parser, whose errors are UserErrors of one line."""


class ParsedOptions(LightningCLI):
    """The options of one command as ``config``; no object is made."""

    plain_config: Config
    """The parsed config as nested plain data, complete, in a form that the parser reads again."""

    def __init__(self, command: str, arguments: Sequence[str]) -> None:
        """Parse the arguments.

        Args:
            command: One of `COMMANDS`.
            arguments: As typed after the command.

        Raises:
            UserError: A config or a checkpoint is missing, or a key or its value is not valid.
        """
        self.command = command
        self.method_arguments: list[str] = []
        completed, self._default_name = complete(command, list(arguments))
        try:
            super().__init__(
                Classifier,
                FashionMNISTDataModule,
                run=False,
                args=completed,
                subclass_mode_model=True,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                save_config_callback=None,
                trainer_defaults=TRAINER_DEFAULTS,
                parser_class=OptionsParser,
                parser_kwargs={"prog": f"{Path(sys.argv[0]).name} {command}", "description": COMMANDS[command]},
            )
        except Exception as error:
            mistake, checkpoint = mistake_behind(error), last_value(completed, "ckpt_path")
            is_unnamed = mistake and checkpoint and str(checkpoint) not in str(mistake)
            if is_unnamed and self._refuses(completed[:2]):  # the config of the checkpoint alone
                raise UserError(f"the config in {checkpoint}: {mistake}") from error
            raise

    def instantiate_classes(self) -> None:
        """Make nothing."""

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        # LightningCLI's own warns if the program has arguments of its own, as pytest has
        self.config = parser.parse_args(cast(list[str], args))
        try:
            self.plain_config = json.loads(parser.dump(self.config, skip_none=False, format="json"))
        except ValueError as error:
            raise UserError(
                f"a class of the config cannot be written to a file ({error.__cause__}); leave it out"
            ) from error
        self.plain_config.pop("ckpt_path", None)
        check_name(self.config.name, "name")
        check_bounds(self.plain_config)
        for key in ("model", "optimizer", "lr_scheduler"):
            check_nulls(key, self.plain_config[key])

    def _refuses(self, arguments: list[str]) -> bool:
        """Whether these arguments alone are not valid."""
        try:
            self.parse_arguments(self.parser, arguments)
            self.instantiate_classes()
        except Exception as error:
            return mistake_behind(error) is not None
        return False

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--seed_everything", type=int, default=0, help="Seed of weights, order, augmentation and dropout."
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        _add_run_arguments(parser, self._default_name or "unnamed")
        if self.command in ("fit", "test"):
            parser.add_argument(
                "--report", type=bool, default=True, help="Write report/ after the test: tables, figures, report.html."
            )
        if self.command == "fit":
            _add_fit_arguments(parser)
        if self.command == "predict":
            parser.add_argument(
                "--show",
                action=ActionYesNo,
                default=False,
                help="With --data.predict_path: draw each photo, its 28x28 image and its class, as a PNG.",
            )
        skip: set[str | int] = set(self.subcommands()[self.command])
        self.method_arguments = parser.add_method_arguments(Trainer, self.command, skip=skip)
        parser.set_defaults({key: value for key, value in METHOD_DEFAULTS.items() if key in self.method_arguments})


class Options(ParsedOptions):
    """The options of one command, with the objects that they describe: ``model``, ``datamodule`` and ``trainer``."""

    model: Classifier
    datamodule: FashionMNISTDataModule
    trainer: Trainer
    threads: Threads
    number_format: NumberFormat

    def __init__(self, command: str, arguments: Sequence[str], callbacks: Sequence[Callback] = ()) -> None:
        """Parse the arguments and make the objects.

        Args:
            command: One of `COMMANDS`.
            arguments: As typed after the command.
            callbacks: More callbacks for the trainer.

        Raises:
            UserError: As `ParsedOptions`, or an object refuses its arguments.
        """
        self._extra_callbacks = callbacks
        super().__init__(command, arguments)

    @property
    def call(self) -> dict[str, Any]:
        """Arguments for the trainer's method of this command: ``ckpt_path`` of a fit etc."""
        arguments = {name: self.config[name] for name in self.method_arguments if name != "ckpt_path"}
        return arguments | ({"ckpt_path": self.checkpoint_path} if self.command == "fit" else {})

    @property
    def checkpoint_path(self) -> Path | None:
        """The checkpoint to evaluate, or to continue from."""
        path = self.config.ckpt_path
        return None if path is None or (path == LAST and self.command == "fit") else Path(str(path))

    @cached_property
    def step_flops(self) -> int:
        """Floating-point operations of a training step."""
        with cpu_threads(1):
            return training_flops(self.model) * self.datamodule.batch_size

    def instantiate_classes(self) -> None:
        set_default_places(self.config.trainer.logger, self.config.trainer.default_root_dir, self.config.name)
        checkpoint = None if self.checkpoint_path is None else read_checkpoint(self.checkpoint_path)
        if checkpoint is not None and checkpoint.is_of_this_package:
            checkpoint.network()  # before its config takes any memory: it fits its weights
        with cpu_threads(1):  # initial weights by a QR decomposition depend on the number
            self.config_init = self.parser.instantiate(self.config)
        self.model, self.datamodule = self.config_init.model, self.config_init.data
        if self.command == "fit":
            self.model.configure_optimizers()  # a wrong argument shows before the images are read
        elif checkpoint is not None:
            self.model.load_state_dict(checkpoint.state_dict)
        self._fit_to_machine()
        self.trainer = self.instantiate_trainer()

    def _fit_to_machine(self) -> None:
        """Choose what the config leaves to the machine, and write it into the config, which then repeats the run."""
        trainer, plain = self.config_init.trainer, self.plain_config
        device_type = choose_device_type(str(trainer.accelerator))
        processes = processes_of(trainer.devices, device_type)
        self.threads = choose_threads(self.config.threads, device_type, processes, lambda: self.step_flops)
        self.number_format = choose_number_format(trainer.precision, device_type, trainer.num_nodes)
        plain["threads"] = self.threads.number
        plain["trainer"] = plain["trainer"] | {"precision": trainer.precision or self.number_format.precision}

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        options = self.config_init.trainer
        arguments = options.as_dict() | kwargs
        arguments["precision"] = self.number_format.precision
        if options.enable_progress_bar is None:
            arguments["enable_progress_bar"] = sys.stdout.isatty()
        arguments["logger"] = self._loggers(options.logger, options.default_root_dir)
        arguments["callbacks"] = self._callbacks(_as_list(options.callbacks), arguments["enable_progress_bar"])
        arguments["plugins"] = [*_as_list(options.plugins), AtomicCheckpointIO()]
        if not self.datamodule.has_validation:
            arguments["limit_val_batches"] = 0
        return make_trainer(arguments)

    def _loggers(self, configured: Any, root: str) -> list[Any]:
        run_logger = RunLogger(root, self.config.name, events=configured is not False)
        trackers = [] if isinstance(configured, bool) else _as_list(configured)
        for tracker in trackers:
            if isinstance(tracker, RunCSVLogger):
                tracker.run = run_logger
        return [run_logger, *trackers]

    def _callbacks(self, configured: list[Callback], bar: bool) -> list[Callback]:
        callbacks = [ResumeCheck(self.plain_config), *configured, *self._extra_callbacks]
        if bar and not any(isinstance(callback, ProgressBar) for callback in configured):
            callbacks.append(progress_bar())
        callbacks.append(CollectPredictions())
        if self.command == "fit":
            callbacks += fit_callbacks(self.datamodule, self.config_init)
        recorder = RunRecorder(self.plain_config)
        return [*callbacks, recorder, CheckpointContent(recorder.config)]


def resolve_config(arguments: Sequence[str]) -> Config:
    """The complete config that ``train(arguments)`` uses, as nested plain data; nothing is trained.

    Args:
        arguments: As on the command line, from ``fit`` on.

    Raises:
        UserError: A config is missing, or a key or its value is not valid.
    """
    command, *rest = arguments
    return ParsedOptions(command, rest).plain_config


def _add_run_arguments(parser: LightningArgumentParser, name: str) -> None:
    """Options of every command that belong to the run as a whole."""
    parser.add_argument("--name", type=str, default=name, help="Name of the run's folder, runs/NAME/version_N.")
    parser.add_argument(
        "--threads",
        type=int | None,
        default=None,
        help="CPU threads of each process; null for one if steps are short, else all cores. Last bits depend on it.",
    )
    parser.add_argument(
        "--optimizer",
        type=OptimizerFactory,
        default=ADAM,
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


def _add_fit_arguments(parser: LightningArgumentParser) -> None:
    """Options of a training alone."""
    parser.add_argument(
        "--steps_per_execution",
        type=int | None,
        default=None,
        help="Optimizer steps per call of the training loop; null to choose by their size. The result is the same.",
    )
    switches = {
        "--compile": (False, "Compile the network for the training steps (torch.compile), before the first of them."),
        "--cuda_graph": (False, "On a GPU: capture the training steps as CUDA graphs, which one call launches."),
        "--test_after_fit": (True, "Test the best checkpoint once, after the training."),
        "--live_pictures": (True, "Show augmented images, confusion matrix and mistakes in TensorBoard, now and then."),
        "--histograms": (False, "Show the distributions of weights and gradients in TensorBoard, once per epoch."),
    }
    for name, (default, text) in switches.items():
        parser.add_argument(name, type=bool, default=default, help=text)


def _as_list(value: Any) -> list[Any]:
    """A key of the trainer may hold nothing, one object or several."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
