"""Change a campaign that exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from worker.domain.campaign_edit import ALWAYS, WHILE_RUNNING, CampaignEdit, parse_edit
from worker.domain.errors import Conflict, NotFound
from worker.domain.lifecycle import EDITABLE
from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Fill, Step
from worker.flow.call_request import refuse_unreachable
from worker.store import campaigns, gate
from worker.store.crm import campaign_edits
from worker.store.database import transact
from worker.store.reads.campaign_list import show

log = structlog.get_logger()


def edit_campaign(dialer: Dialer, team_id: str, campaign_id: str, sent: Mapping[str, Any], *, actor: str) -> list[Step]:
    """Change the fields sent, in the names of the API page.

    Name and description change always. The limit of simultaneous calls changes while running, too, for the next
    claim on; lowering it cuts nobody off. Everything else changes only while draft, scheduled or paused, and no call
    that was planned before is dialed by the old policy after this has returned. Raises :class:`Invalid` with every
    fault, :class:`NotFound` also for an assistant, a company or numbers the team does not have, and
    :class:`Conflict` where the campaign is deleted or in no state to be changed so.
    """

    def work(conn: Connection) -> bool:
        if sent.keys() - ALWAYS - WHILE_RUNNING:
            gate.close_gate(conn, team_id)
        campaigns.lock(conn, campaign_id)
        shown = show(conn, team_id, campaign_id)
        if shown is None:
            raise NotFound("campaign", campaign_id)
        edit = parse_edit(sent, _as_sent(shown.row))
        _refuse(shown.row, sent, edit)
        _refuse_missing(conn, shown.row, edit)
        campaign_edits.edit(conn, campaign_id, edit.columns, is_policy=edit.is_policy)
        if edit.number_ids is not None:
            campaign_edits.set_numbers(conn, campaign_id, edit.number_ids)
        campaigns.audit(conn, campaign_id, actor, "edit", sent)
        return bool(shown.row.status == CampaignStatus.RUNNING and sent.keys() & WHILE_RUNNING)

    has_room = transact(dialer.db, work)
    log.info("campaign_edited", campaign_id=campaign_id, fields=sorted(sent))
    return [Fill(team_id, (campaign_id,))] if has_room else []


def _refuse(row: Row[Any], sent: Mapping[str, Any], edit: CampaignEdit) -> None:
    if row.deleted_at is not None:
        raise Conflict(f"Campaign {row.id} is deleted; restore it first.")
    is_running = row.status == CampaignStatus.RUNNING
    locked = sent.keys() - ALWAYS - (WHILE_RUNNING if is_running else frozenset())
    if locked and row.status not in EDITABLE:
        fields = ", ".join(sorted(locked))
        how = " Pause it, edit it, resume it." if is_running else ""
        raise Conflict(
            f"Campaign {row.id} is {row.status}; {fields} can be edited while it is draft, scheduled or paused.{how}"
        )


def _refuse_missing(conn: Connection, row: Row[Any], edit: CampaignEdit) -> None:
    """What the edit points at must be the team's, and fit together."""
    if not edit.is_policy:
        return
    assistant_id = edit.columns.get("assistant_id", row.assistant_id)
    company_id = edit.columns.get("company_id", row.company_id)
    numbers = edit.number_ids or row.from_number_ids
    for what, missing in campaigns.missing_parts(conn, row.team_id, assistant_id, company_id, numbers):
        raise NotFound(what, *missing)
    if "assistant_id" in edit.columns or edit.number_ids is not None:
        refuse_unreachable(conn, assistant_id, numbers)


def _as_sent(row: Row[Any]) -> dict[str, Any]:
    """The campaign in the names of a request."""
    return {
        "name": row.name,
        "description": row.description,
        "assistantId": row.assistant_id,
        "companyId": row.company_id,
        "fromNumberIds": row.from_number_ids,
        "callWindowStart": row.call_window_start,
        "callWindowEnd": row.call_window_end,
        "callWindowTimezone": row.call_window_timezone,
        "maxConcurrentCalls": row.max_concurrent_calls,
        "maxAttemptsPerContact": row.max_attempts_per_contact,
        "retryDelayMinutes": row.retry_delay_minutes,
        "settings": row.settings,
    }
