"""Change a campaign that exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain.campaign import end_faults
from worker.domain.campaign_edit import ALWAYS, INSTANTS, WHILE_RUNNING, CampaignEdit, as_sent, parse_edit
from worker.domain.errors import Conflict, Deleted, Invalid, NotFound
from worker.domain.lifecycle import EDITABLE
from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Fill, Step
from worker.flow.call_request import refuse_unreachable
from worker.operations.campaigns import refuse_missing
from worker.store import campaigns, gate, rules
from worker.store.crm import campaign_edits
from worker.store.database import transact
from worker.store.reads.campaign_list import Shown, show

log = structlog.get_logger()


def edit_campaign(dialer: Dialer, team_id: str, campaign_id: str, sent: Mapping[str, Any], *, actor: str) -> list[Step]:
    """Change the fields sent, in the names of the API page.

    Name and description change always. The limit of simultaneous calls and the end change while running, too, from the
    next claim on; lowering a limit cuts nobody off. Everything else changes only while draft, scheduled or paused, and
    no call that was planned before is dialed by the old policy after this has returned. Raises :class:`Invalid` with
    every fault, :class:`NotFound` also for an assistant, a company or numbers the team does not have, and
    :class:`Conflict` where the campaign is deleted or in no state to be changed so.
    """

    def work(conn: Connection) -> bool:
        if sent.keys() - ALWAYS - WHILE_RUNNING or not sent.keys().isdisjoint(INSTANTS):
            gate.close_gate(conn, team_id)
        campaigns.lock(conn, campaign_id)
        shown = show(conn, team_id, campaign_id)
        if shown is None:
            raise NotFound("campaign", campaign_id)
        edit = parse_edit(sent, as_sent(shown), campaigns.now(conn))
        _refuse(shown, sent)
        _refuse_early_end(shown, edit)
        _refuse_misfits(conn, shown, edit)
        campaign_edits.edit(conn, campaign_id, edit.columns, is_policy=edit.is_policy)
        if edit.is_policy:
            rules.changed(conn, [campaign_id], keys=not edit.columns.keys().isdisjoint(("purpose", "law")))
        if edit.number_ids is not None:
            campaign_edits.set_numbers(conn, campaign_id, edit.number_ids)
        campaigns.audit(conn, campaign_id, actor, "edit", sent)
        has_room = shown["status"] == CampaignStatus.RUNNING and not sent.keys().isdisjoint(WHILE_RUNNING)
        if has_room:
            campaigns.wake(conn, campaign_id)
        return has_room

    has_room = transact(dialer.db, work)
    log.info("campaign_edited", campaign_id=campaign_id, fields=sorted(sent))
    return [Fill(team_id, (campaign_id,))] if has_room else []


def _refuse(campaign: Shown, sent: Mapping[str, Any]) -> None:
    """An edit that comes at the wrong time."""
    if campaign["deleted_at"] is not None:
        raise Deleted(campaign["id"])
    is_running = campaign["status"] == CampaignStatus.RUNNING
    locked = sent.keys() - ALWAYS - (WHILE_RUNNING if is_running else frozenset())
    if locked and campaign["status"] not in EDITABLE:
        fields = ", ".join(sorted(locked))
        how = " Pause it, edit it, resume it." if is_running else ""
        raise Conflict(
            f"Campaign {campaign['id']} is {campaign['status']}; {fields} can be edited while it is draft, scheduled "
            f"or paused.{how}"
        )


def _refuse_early_end(campaign: Shown, edit: CampaignEdit) -> None:
    """An end that is before the start there is going to be."""
    start = campaign["scheduled_start_at"] if campaign["status"] == CampaignStatus.SCHEDULED else None
    if faults := end_faults(start, edit.columns.get("scheduled_end_at")):
        raise Invalid(faults)


def _refuse_misfits(conn: Connection, campaign: Shown, edit: CampaignEdit) -> None:
    """What the edit points at must be the team's, and fit together."""
    if not edit.is_policy:
        return
    assistant_id, company_id = (edit.columns.get(name, campaign[name]) for name in ("assistant_id", "company_id"))
    number_ids = edit.number_ids or campaign["from_number_ids"]
    refuse_missing(conn, campaign["team_id"], assistant_id, company_id, number_ids)
    if "assistant_id" in edit.columns or edit.number_ids is not None:
        refuse_unreachable(conn, assistant_id, number_ids)
