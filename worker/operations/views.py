"""Rows as the API shows them: snake_case, instants in UTC, the names of the API page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from worker.domain.answers import CAMPAIGN_CONTACT
from worker.domain.callback import Callback
from worker.domain.fields import Field
from worker.domain.model import WAITING, CallState, ContactStatus, RunState
from worker.domain.reach import reach
from worker.domain.waits import Waits
from worker.domain.window import RULES_END
from worker.flow.run_result import RunResult
from worker.operations.instants import instant
from worker.operations.progress import Progress
from worker.store.claims import Reservation
from worker.store.crm.campaign_contacts import CampaignContactRow
from worker.store.reads.progress import CampaignFacts

View = dict[str, Any]
"""A thing as the API shows it, a JSON object."""


def view(fields: Iterable[Field], row: object, **given: Any) -> View:
    """What a declaration says of a row, or of a mapping by column; ``given`` stand in the place of columns."""
    read = row.__getitem__ if isinstance(row, Mapping) else partial(getattr, row)
    return {each.shown: _presented(each, given[each.column] if each.column in given else read(each.column))
            for each in fields}  # fmt: skip


def _presented(field: Field, value: Any) -> Any:
    if field.key:
        value = value.get(field.key)
    if field.present is not None:
        return field.present(value)
    return instant(value) if isinstance(value, datetime) else value


def run_answer(result: RunResult) -> dict[str, Any]:
    """What a run answers, in the names of the page."""
    return {
        "started": len(result.calls),
        "failed": result.failed,
        "calls": [_reserved(call, result) for call in result.calls],
        "errors": list(result.errors),
        "message": result.message,
        "dryRun": result.dry_run,
        "runId": result.run_id,
        "remaining": result.remaining,
        "opensAt": instant(result.opens_at),
        "replacedRunId": result.replaced_run_id,
        "warnings": list(result.warnings),
        "missingVariables": list(result.missing),
        "waiting": None if result.waits is None else waits(result.waits),
    }


def waits(found: Waits) -> View:
    """For what those of a campaign wait who wait."""
    return {
        name: {"count": each.count, "next": instant(each.next), "places": dict(each.places.most_common())}
        for name, each in found.by_name().items()
    }


def _reserved(reservation: Reservation, result: RunResult) -> dict[str, Any]:
    """A call that was just reserved. One of a dry run has no id, for it will never be."""
    return {
        "id": None if result.dry_run else reservation.call_id,
        "campaign_id": reservation.campaign_id,
        "run_id": result.run_id,
        "contact_id": reservation.contact_id,
        "from_number": reservation.from_number,
        "to_number": reservation.to_number,
        "status": CallState.RESERVED.value,
    }


def campaign_contact(row: CampaignContactRow, next_call_at: datetime | None) -> View:
    """A contact in a campaign; who does not wait is never due."""
    due = {"due_at": row.due_at, "next_call_at": next_call_at}
    given: dict[str, Any] = due if row.status in WAITING else dict.fromkeys(due)
    if row.status not in (*WAITING, ContactStatus.CALLING):
        given["callback_at"] = None
    return view(CAMPAIGN_CONTACT, row, **given)


def callback(asked: Callback) -> View:
    """A callback that was asked for."""
    return {
        "campaign_id": asked.campaign_id,
        "contact_id": asked.contact_id,
        "at": instant(asked.at),
        "call_at": instant(asked.call_at),
    }


def _wakes_at(facts: CampaignFacts) -> str | None:
    """When it is looked at again; of one that is kept open and has nobody to call nobody knows."""
    at = facts.next_wake_at
    return None if at is None or at >= RULES_END else instant(max(at, facts.now))


def progress(found: Progress) -> dict[str, Any]:
    """Where a campaign stands."""
    facts, counts = found.facts, found.counts
    has_run = facts.run_id is not None
    return {
        "campaign_id": facts.id,
        "status": facts.status,
        "contacts": {name: count for name, count in counts.items() if name not in ("called", "answered", "finished")},
        "reach": reach(facts.status, counts),
        "contacts_called": counts["called"],
        "contacts_completed": counts["finished"],
        "contacts_answered": counts["answered"],
        "calls": dict(found.dispositions),
        "live_calls": facts.live,
        "outcomes_awaited": facts.awaited,
        "callbacks": facts.callbacks,
        "max_concurrent_calls": facts.max_concurrent_calls,
        "run": {
            "id": facts.run_id,
            "is_open": facts.run_state == RunState.OPEN,
            "opened_by": facts.opened_by,
            "opened_at": instant(facts.opened_at),
            "max_calls": facts.max_calls,
            "calls_used": facts.calls_used,
        }
        if has_run
        else None,
        "next_due_at": instant(found.next_due_at),
        "next_wake_at": _wakes_at(facts),
        "activity": {
            "code": found.activity.code,
            "message": found.activity.message,
            "until": instant(found.activity.until),
        },
    }
