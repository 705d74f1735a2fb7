"""Outside the store a row has a shape: what takes or returns one names a class, never ``Row[Any]``."""

from __future__ import annotations

import re
from pathlib import Path

import worker

PACKAGE = Path(worker.__path__[0])


def test_no_row_without_a_shape_leaves_the_store() -> None:
    names = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    shapeless = re.compile(r"\bRow\[|^from sqlalchemy .*\bRow\b", re.MULTILINE)
    found = {name for name, path in names.items() if shapeless.search(path.read_text())}
    assert {name for name in found if not name.startswith("store/")} == set()
    assert found, "the store has some, or nothing was looked at"
