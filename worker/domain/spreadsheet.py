"""Cells that are safe to open in a spreadsheet, and what they were before.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break is a formula to Excel, LibreOffice and
Google Sheets, and contacts write such cells for others to open (OWASP: CSV injection). An apostrophe before it makes
it the text it is; readers that are no spreadsheets see the apostrophe. A text that is a formula but for apostrophes of
its own before it gets one more, so that :func:`text_of_cell` can take back exactly what :func:`cell` has put there.

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
    return "'" + value if _is_formula(value) else value


def cells(values: Iterable[str]) -> list[str]:
    """A row of them."""
    return [cell(value) for value in values]


def text_of_cell(written: str) -> str:
    """The text of which :func:`cell` made this."""
    return written[1:] if written[:1] == "'" and _is_formula(written) else written


def _is_formula(value: str) -> bool:
    """Whether it would be computed, or would be but for the apostrophes before it."""
    if value[:1].isalnum():
        return False
    bare = value.lstrip("'")
    return bool(_FORMULA.match(bare)) and not _NUMBER.fullmatch(bare)
