"""``python -m fmnist_pl.reporting``: compare runs, write the data sheet, or measure robustness."""

import sys
from collections.abc import Sequence
from pathlib import Path

from fmnist_pl.console import OneLineErrorParser, exit_code_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0, or 1 after an error, which is printed in one line.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    return exit_code_of(lambda: _run(typed))


def _run(arguments: list[str]) -> None:
    parser = OneLineErrorParser(
        prog="python -m fmnist_pl.reporting", description="Compare runs, look at the data, measure robustness."
    )
    commands = parser.add_subcommands(dest="command")
    comparison = OneLineErrorParser(description="Print the metrics of several runs, and how their configs differ.")
    comparison.add_argument("runs", nargs="+", type=Path, help="Folders of runs, for example runs/cnn/version_0.")
    comparison.add_argument(
        "--curves", type=Path, help="Also draw accuracy per epoch, validation and training, into this file (.png)."
    )
    commands.add_subcommand("compare", comparison, help="Compare the metrics and configs of several runs.")
    sheet = OneLineErrorParser(description="Write a page about the images: classes, mean images, samples, pixels.")
    sheet.add_argument("--folder", type=Path, default=Path("data_sheet"), help="Folder of the page and its figures.")
    commands.add_subcommand("data", sheet, help="Write the data sheet of the images.")
    corrupted = OneLineErrorParser(description="Measure the accuracy on corrupted images.")
    commands.add_subcommand("robustness", corrupted, help="Measure the accuracy under noise, blur, shift and others.")
    if "robustness" in arguments[:1]:
        # takes torch and matplotlib, which `compare` does not need
        from fmnist_pl.reporting.robustness import robustness, table

        corrupted.add_function_arguments(robustness)
    if "data" in arguments[:1]:
        # Lightning takes seconds to import, and `compare` does not need it
        from fmnist_pl.data.datamodule import FashionMNISTDataModule

        sheet.add_class_arguments(FashionMNISTDataModule, "data", skip={"predict_path"})  # photos have no data sheet
    options = parser.instantiate(parser.parse_args(arguments))
    if options.command == "compare":
        from fmnist_pl.reporting.compare import compare

        print(compare(options.compare.runs, options.compare.curves))
        return
    if options.command == "robustness":
        result = robustness(**options.robustness.as_dict())
        print(f"{table(result)}\n\nfiles: {options.robustness.folder}")
        return
    from fmnist_pl.reporting.data_sheet import write_data_sheet

    images = options.data.data
    images.prepare_data()
    print(f"data sheet: {write_data_sheet(images.loaded, options.data.folder)}")


if __name__ == "__main__":
    sys.exit(main())
