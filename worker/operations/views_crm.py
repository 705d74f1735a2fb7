"""Teams, keys, the do-not-call list and imported files, as the API shows them: snake_case, instants in UTC."""

from __future__ import annotations

from typing import Any

from worker.domain.contact_file import ContactFile
from worker.domain.csv_text import Encoding
from worker.operations.import_notes import import_notes
from worker.operations.import_request import Loaded
from worker.operations.instants import instant
from worker.store.crm.contact_list import BannedRow
from worker.store.crm.keys import KeyRow
from worker.store.crm.teams import TeamRow


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


def banned(row: BannedRow) -> dict[str, Any]:
    """A number nobody calls."""
    return {"number": row.number, "reason": row.reason, "created_at": instant(row.created_at)}


def key(row: KeyRow) -> dict[str, Any]:
    """A bearer key, without what it is known by."""
    return {
        "id": row.id,
        "team_id": row.team_id,
        "name": row.name,
        "created_at": instant(row.created_at),
        "last_used_at": instant(row.last_used_at),
        "revoked_at": instant(row.revoked_at),
    }


def team(row: TeamRow) -> dict[str, Any]:
    """Who owns everything else; ``slug`` is the ``accountSlug`` of its requests, ``country``, if it was given one, that
    of its numbers without a country code."""
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "max_concurrent_calls": row.max_concurrent_calls,
        "country": row.country,
        "created_at": instant(row.created_at),
    }
