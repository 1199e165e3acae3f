"""Types of command-line arguments, so that a slip is told in one line before anything runs."""

import argparse
import shutil


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def program(text: str) -> str:
    """A program that is there: the Python of another environment."""
    if shutil.which(text) is None:
        raise argparse.ArgumentTypeError(f"there is no program {text}")
    return text
