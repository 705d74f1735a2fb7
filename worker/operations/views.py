"""Rows as the API shows them: snake_case, instants in UTC, the names of the API page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from worker.domain.model import WAITING, CallState, RunState
from worker.flow.run_result import RunResult
from worker.operations.instants import instant
from worker.operations.progress import Progress
from worker.store.claims import Reservation
from worker.store.crm.campaign_contacts import CampaignContactRow
from worker.store.reads.campaign_calls import CallRow
from worker.store.reads.campaign_list import Shown
from worker.store.runs import RunRow


def campaign(shown: Shown) -> dict[str, Any]:
    """A campaign object of the page, and what the page leaves out."""
    row, counts = shown.row, shown.counts
    return {
        "id": row.id,
        "team_id": row.team_id,
        "assistant_id": row.assistant_id,
        "company_id": row.company_id,
        "name": row.name,
        "description": row.description,
        "from_number": row.from_numbers[0] if row.from_numbers else None,
        "from_numbers": row.from_numbers,
        "from_number_ids": row.from_number_ids,
        "status": row.status,
        "pause_reason": row.pause_reason,
        "scheduled_start_at": instant(row.scheduled_start_at),
        "call_window_start": row.call_window_start,
        "call_window_end": row.call_window_end,
        "call_window_timezone": row.call_window_timezone,
        "max_concurrent_calls": row.max_concurrent_calls,
        "max_attempts_per_contact": row.max_attempts_per_contact,
        "retry_delay_minutes": row.retry_delay_minutes,
        "settings": row.settings,
        "run_id": row.run_id,
        "total_contacts": counts["total"],
        "contacts_called": counts["called"],
        "contacts_completed": counts["finished"],
        "contacts_answered": counts["answered"],
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
        "completed_at": instant(row.completed_at),
        "deleted_at": instant(row.deleted_at),
    }


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


def call(row: CallRow) -> dict[str, Any]:
    """One call (:mod:`worker.store.reads.campaign_calls`)."""
    return {
        "id": row.id,
        "campaign_id": row.campaign_id,
        "run_id": row.run_id,
        "contact_id": row.contact_id,
        "from_number": row.from_number,
        "to_number": row.to_number,
        "status": row.state,
        "attempt": row.attempt,
        "disposition": row.disposition,
        "cause": row.cause,
        "machine_verdict": row.machine_verdict,
        "created_at": instant(row.reserved_at),
        "placed_at": instant(row.placed_at),
        "ringing_at": instant(row.ringing_at),
        "answered_at": instant(row.answered_at),
        "ended_at": instant(row.ended_at),
    }


def run(row: RunRow) -> dict[str, Any]:
    """One run (:mod:`worker.store.runs`)."""
    return {
        "id": row.id,
        "campaign_id": row.campaign_id,
        "status": row.state,
        "opened_by": row.opened_by,
        "max_calls": row.max_calls,
        "calls_used": row.calls_used,
        "opened_at": instant(row.opened_at),
        "ended_at": instant(row.ended_at),
        "end_reason": row.end_reason,
    }


def campaign_contact(row: CampaignContactRow, next_call_at: datetime | None) -> dict[str, Any]:
    """A contact in a campaign (:mod:`worker.store.crm.campaign_contacts`); who does not wait is never due."""
    is_waiting = row.status in WAITING
    return {
        "contact_id": row.contact_id,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "phone": row.phone,
        "timezone": row.timezone,
        "do_not_call": row.do_not_call,
        "status": row.status,
        "reason": row.reason,
        "attempts": row.attempts,
        "due_at": instant(row.due_at) if is_waiting else None,
        "next_call_at": instant(next_call_at) if is_waiting else None,
        "called": row.called,
        "answered": row.answered,
        "added_at": instant(row.added_at),
    }


def progress(found: Progress) -> dict[str, Any]:
    """Where a campaign stands."""
    facts, counts = found.facts, found.counts
    has_run = facts.run_id is not None
    return {
        "campaign_id": facts.id,
        "status": facts.status,
        "contacts": {name: count for name, count in counts.items() if name not in ("called", "answered", "finished")},
        "contacts_called": counts["called"],
        "contacts_completed": counts["finished"],
        "contacts_answered": counts["answered"],
        "calls": dict(found.dispositions),
        "live_calls": facts.live,
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
        "next_wake_at": None if facts.next_wake_at is None else instant(max(facts.next_wake_at, facts.now)),
        "activity": {
            "code": found.activity.code,
            "message": found.activity.message,
            "until": instant(found.activity.until),
        },
    }
