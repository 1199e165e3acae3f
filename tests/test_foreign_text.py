"""Text that strangers chose is printed and written without effect on terminals and spreadsheets."""

import pytest

from fmnist_pl.foreign_text import csv_cell, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shirt é 衣.png", "shirt é 衣.png"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("two\nlines\r", r"two\nlines\r"),
        ("not \udcff UTF-8", r"not \udcff UTF-8"),
        ("gnp.\u202eexe", r"gnp.\u202eexe"),
        ("", ""),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
    shown.encode()


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", " =1", "\uff1d1"])
def test_formulas_are_text_to_a_spreadsheet(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["a.png", "my photos/=1.png", ""])
def test_other_cells_are_unchanged(text: str) -> None:
    assert csv_cell(text) == text
