"""What can be typed: LightningCLI with this project's options, defaults and lookup of configs and checkpoints."""

from functools import cached_property
from typing import Any, cast

import yaml
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.models import Classifier
from fmnist_pl.training.arguments import COMMANDS, command_of, resolve
from fmnist_pl.training.callbacks.stop_at_accuracy import StopAtAccuracy
from fmnist_pl.training.parser import (
    OneLineErrorParser,
    add_fit_arguments,
    add_predict_arguments,
    add_report_argument,
    add_run_arguments,
)
from fmnist_pl.training.run_keeper import RunKeeper

__all__ = ["CommandLine", "StopAtAccuracy"]  # StopAtAccuracy: so that configs find it by its name

METHOD_DEFAULTS = {"weights_only": True, "verbose": False}
TRAINER_DEFAULTS = {"devices": 1, "max_epochs": 10, "num_sanity_val_steps": 0, "default_root_dir": "runs"}


class CommandLine(LightningCLI):
    """Parses one command's arguments and makes its objects."""

    def __init__(self, args: list[str]) -> None:
        args, config_name = resolve(args)
        self._command = command_of(args)
        self._default_name = config_name or "unnamed"
        super().__init__(
            Classifier,
            FashionMNISTDataModule,
            subclass_mode_model=True,
            auto_configure_optimizers=False,
            save_config_callback=RunKeeper,
            save_config_kwargs={"save_to_log_dir": False},  # it does so itself
            trainer_defaults=TRAINER_DEFAULTS,
            parser_class=OneLineErrorParser,
            parser_kwargs={
                "description": "Train, validate, test and use Fashion-MNIST classifiers: fit --config cnn.yaml"
            },
            args=args,
        )

    def _add_subcommands(self, parser: LightningArgumentParser, **kwargs: Any) -> None:
        super()._add_subcommands(parser, **kwargs)
        for command in parser._subcommands_action._choices_actions:
            command.help = COMMANDS[command.dest]

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        # a parser with all its options takes a quarter of a second: only the one that is asked for gets them
        if subcommand != self._command:
            return self.init_parser(**kwargs)
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        own = self._subcommand_method_arguments[subcommand]
        parser.set_defaults({key: value for key, value in METHOD_DEFAULTS.items() if key in own})
        return parser

    @cached_property
    def plain_config(self) -> dict[str, Any]:
        """The command's parsed config as nested plain data, complete, that the parser reads again."""
        command = str(self._command)
        plain: dict[str, Any] = yaml.safe_load(self._parser(command).dump(self.config[command], skip_none=False))
        plain.pop("ckpt_path", None)
        return plain

    def _dump_config(self) -> None:
        self.config_dump = self.plain_config  # LightningCLI would make one of its own, which takes as long again

    def _parse_ckpt_path(self) -> None:
        """Nothing: `arguments.resolve` has put the checkpoint's config below what the user says, not above it."""

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        # LightningCLI's own warns where a program is called with arguments of its own, as pytest is
        self.config = parser.parse_args(cast(list[str], args))

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--seed_everything", type=int, default=0, help="Seed of the weights, the order, augmentation and dropout."
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_run_arguments(parser, self._default_name)
        if self._command in ("fit", "test"):
            add_report_argument(parser)
        if self._command == "fit":
            add_fit_arguments(parser)
        if self._command == "predict":
            add_predict_arguments(parser)
