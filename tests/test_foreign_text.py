"""Text that strangers chose is printed and written without effect on terminals and spreadsheets."""

import pytest

from fmnist_pl.foreign_text import csv_cell, markdown_text, printable


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Intel(R) Xeon 2.50GHz, 2 threads", "Intel(R) Xeon 2.50GHz, 2 threads"),
        ("a | b\n<i>`x`</i>", r"a \| b\\n\<i\>\`x\`\</i\>"),
        ("[x](y) *z* _w_", r"\[x\](y) \*z\* \_w\_"),
    ],
)
def test_markup_is_text_to_a_reader_of_markdown(text: str, shown: str) -> None:
    assert markdown_text(text) == shown
