"""Text that strangers chose (names of photos, cells of other people's runs), made safe to print and to write."""

import re

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula starts with in a spreadsheet; the last four are the wide forms of the first four."""


def printable(text: object) -> str:
    r"""The text in one line: characters that a terminal obeys or cannot show are escaped (``\x1b``, ``\udcff``)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def markdown_text(text: object) -> str:
    """The printable text, with a backslash before characters that are markup in Markdown."""
    return re.sub(r"([\\`*_\[\]<>|&~$#])", r"\\\1", printable(text))


def csv_cell(text: object) -> str:
    """The printable text, with a leading ``'`` if a spreadsheet would run it as a formula."""
    cell = printable(text)
    return f"'{cell}" if cell.lstrip().startswith(FORMULA) else cell
