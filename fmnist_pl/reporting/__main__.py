"""``python -m fmnist_pl.reporting``: compare runs, look at the data."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from fmnist_pl.errors import UserError


class _OneLineErrorParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (--help explains every option)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0, or 1 after an error that was told in one line.
    """
    try:
        options, rest = _parser().parse_known_args(arguments)
        if options.command == "data":
            _data_sheet(rest)
        elif rest:
            raise UserError(f"unknown arguments: {' '.join(rest)} (--help explains every option)")
        else:
            _compare(options.runs, options.html)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineErrorParser(prog="python -m fmnist_pl.reporting", description="Compare runs, look at the data.")
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser("compare", help="Figures, curves and configs of several runs, side by side.")
    compare.add_argument("runs", nargs="+", type=Path, help="Folders of runs, as runs/cnn/version_0.")
    compare.add_argument("--html", type=Path, help="Write a page with the curves, too.")
    commands.add_parser("data", help="Write the data sheet of the images in use.", add_help=False)
    return parser


def _compare(runs: list[Path], html: Path | None) -> None:
    from fmnist_pl.reporting.comparison import compare

    print(compare(runs, html))
    if html is not None:
        print(f"\npage: {html}")


def _data_sheet(arguments: list[str]) -> None:
    # Lightning takes seconds to import, and comparing needs none of it
    from fmnist_pl.console import OneLineErrorParser
    from fmnist_pl.data.datamodule import FashionMNISTDataModule
    from fmnist_pl.reporting.data_sheet import write_data_sheet

    parser = OneLineErrorParser(
        prog="python -m fmnist_pl.reporting data", description="Write the data sheet of the images in use."
    )
    parser.add_argument("--folder", type=Path, default=Path("data_sheet"), help="Where the page and pictures go.")
    parser.add_class_arguments(FashionMNISTDataModule, "data")
    options = parser.instantiate(parser.parse_args(arguments))
    options.data.prepare_data()
    print(f"data sheet: {write_data_sheet(options.data.loaded, options.folder)}")


if __name__ == "__main__":
    sys.exit(main())
