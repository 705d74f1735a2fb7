"""What became of an imported file, as the API shows it."""

from __future__ import annotations

from typing import Any

from worker.domain.contact_file import ContactFile
from worker.domain.csv_text import Encoding
from worker.operations.import_notes import import_notes
from worker.operations.import_request import Loaded


def imported(loaded: Loaded, contacts: ContactFile, encoding: Encoding) -> dict[str, Any]:
    """What became of a file of contacts, and how it was read."""
    return {
        "import_id": loaded.import_id or None,
        "lines": loaded.lines,
        "imported": loaded.written,
        "created": loaded.created,
        "updated": loaded.changed,
        "merged": loaded.merged,
        "refused": loaded.refused,
        "uncallable": loaded.uncallable,
        "do_not_call": loaded.do_not_call,
        "unreadable": loaded.unreadable,
        "placed": {basis.value: count for basis, count in loaded.placed.most_common()},
        "custom_fields": list(contacts.columns.custom),
        "encoding": encoding.shown,
        "encoding_source": encoding.source,
        "contact_ids": loaded.ids,
        "errors": [
            {"path": fault.path, "line": fault.line, "outcome": fault.outcome, "message": fault.message}
            for fault in loaded.faults
        ],
        "notes": list(import_notes(contacts, loaded, encoding)),
    }
