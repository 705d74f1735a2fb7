"""Rows as the API shows them: snake_case, instants in UTC, the names of the API page."""

from __future__ import annotations

from typing import Any

from worker.api.envelope import instant
from worker.store.campaign_list import Shown


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
