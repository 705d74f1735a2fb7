"""Cells that are safe to open in a spreadsheet.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break is a formula to Excel, LibreOffice and
Google Sheets, and contacts write such cells for others to open (OWASP: CSV injection). An apostrophe before it makes
it the text it is; readers that are no spreadsheets see the apostrophe.

A plus or minus and digits can compute nothing but themselves, so ``+12025550123`` and ``-5`` are written as they are:
a number that was exported can be imported, dialed and compared without a rule for taking it apart. (Excel shows
``+12025550123`` without its plus unless the column is imported as text; the file has it.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")


def cell(value: str) -> str:
    """The text, as a cell that computes nothing."""
    if not value[:1].isalnum() and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value


def cells(values: Iterable[str]) -> list[str]:
    """A row of them."""
    return [cell(value) for value in values]
