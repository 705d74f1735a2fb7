"""What a campaign is made of, as the API shows it: snake_case, instants in UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from worker.carriers import registry
from worker.domain.contact_file import ContactFile
from worker.domain.csv_text import Encoding
from worker.operations.import_notes import import_notes
from worker.operations.import_request import Loaded
from worker.operations.instants import instant
from worker.store.crm.contact_list import BannedRow
from worker.store.crm.keys import KeyRow
from worker.store.crm.teams import TeamRow


def contact(row: Row[Any]) -> dict[str, Any]:
    """A person of the CRM; ``phone_e164`` is what is dialed, and where it is null ``phone_fault`` says why."""
    return {
        "id": row.id,
        "team_id": row.team_id,
        "company_id": row.company_id,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "phone": row.phone,
        "phone_e164": row.phone_e164,
        "phone_fault": row.phone_fault,
        "phone_secondary": row.phone_secondary,
        "timezone": row.timezone,
        "do_not_call": row.do_not_call,
        "email": row.email,
        "custom_fields": row.custom_fields,
        "tags": row.tags,
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
    }


def imported(loaded: Loaded, people: ContactFile, encoding: Encoding) -> dict[str, Any]:
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
        "custom_fields": list(people.columns.custom),
        "encoding": encoding.shown,
        "encoding_source": encoding.source,
        "contact_ids": loaded.ids,
        "errors": [
            {"path": fault.path, "line": fault.line, "outcome": fault.outcome, "message": fault.message}
            for fault in loaded.faults
        ],
        "notes": list(import_notes(people, loaded, encoding)),
    }


def company(row: Row[Any]) -> dict[str, Any]:
    """Whom a campaign calls for."""
    return {"id": row.id, "team_id": row.team_id, "name": row.name, "created_at": instant(row.created_at)}


def assistant(row: Row[Any]) -> dict[str, Any]:
    """Who talks when the callee answers."""
    return {
        "id": row.id,
        "team_id": row.team_id,
        "name": row.name,
        "stream_url": row.stream_url,
        "answer_url": row.answer_url,
        **{field.key: row.carrier_ids.get(field.key) for field in registry.assistant_fields()},
        "settings": row.settings,
        "created_at": instant(row.created_at),
    }


def account(row: Row[Any]) -> dict[str, Any]:
    """An account with a carrier; ``resting_until`` is set while it is backed off."""
    return {
        "id": row.id,
        "team_id": row.team_id,
        "carrier": row.carrier,
        "name": row.name,
        "max_concurrent_calls": row.max_concurrent_calls,
        "calls_per_second": row.calls_per_second,
        "enabled": row.enabled,
        "resting_until": instant(row.resting_until),
        "resting_reason": row.resting_reason,
        "breaker_open": row.breaker_until is not None,
        "created_at": instant(row.created_at),
    }


def number(row: Row[Any]) -> dict[str, Any]:
    """A caller ID; ``disabled_reason`` says why the dialer took it out of rotation, if it did."""
    return {
        "id": row.id,
        "team_id": row.team_id,
        "carrier_account_id": row.account_id,
        "number": row.number,
        "max_concurrent_calls": row.max_concurrent_calls,
        "calls_per_second": row.calls_per_second,
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason,
        "resting_until": instant(row.resting_until),
        "created_at": instant(row.created_at),
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
