"""Outside the store a row has a shape: what takes or returns one names a class, never ``Row[Any]``."""

from __future__ import annotations

import re
from pathlib import Path

import worker

PACKAGE = Path(worker.__path__[0])
OF_THE_ENGINE = ("store", "flow")
OF_RESOURCES = {
    "cli/resources.py", "operations/campaign_edit.py", "operations/campaigns.py", "operations/contacts.py",
    "operations/resources.py", "operations/upsert.py", "operations/views.py", "operations/views_crm.py",
}  # fmt: skip
"""Here a row is one of any table; which columns it has is known where the table is declared."""


def test_no_row_without_a_shape_leaves_the_store() -> None:
    names = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    found = {
        name
        for name, path in names.items()
        if name.partition("/")[0] not in OF_THE_ENGINE
        and re.search(r"\bRow\[|^from sqlalchemy .*\bRow\b", path.read_text(), re.MULTILINE)
    }
    assert found <= OF_RESOURCES
