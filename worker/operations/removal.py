"""Take things away: a campaign, which can be restored, and contacts out of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.domain.errors import Conflict, NotFound
from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Fill, Step
from worker.operations.batches import ANEW, Bookmark, in_batches
from worker.operations.campaign_access import find_campaign, hold_campaign
from worker.store import campaigns
from worker.store.crm import campaign_contacts, campaign_edits, contacts
from worker.store.database import once, transact

log = structlog.get_logger()


def delete_campaign(dialer: Dialer, team_id: str, campaign_id: str, *, actor: str) -> None:
    """Put the campaign away: it neither dials nor starts until it is restored. Its calls and counters stay.
    Deleting it again changes nothing; a running one is a :class:`Conflict`."""

    def work(conn: Connection) -> None:
        campaigns.lock(conn, campaign_id)
        campaign = find_campaign(conn, campaign_id, team_id)
        if campaign.status == CampaignStatus.RUNNING:
            raise Conflict(f"Campaign {campaign_id} is running and cannot become deleted; pause or cancel it first.")
        if campaign_edits.delete(conn, campaign_id) is not None:
            campaigns.audit(conn, campaign_id, actor, "delete", {})

    transact(dialer.db, work)
    log.info("campaign_deleted", campaign_id=campaign_id)


def restore_campaign(dialer: Dialer, team_id: str, campaign_id: str, *, actor: str) -> None:
    """Undo the deletion; a campaign whose instant to start has passed meanwhile comes back as a draft, for
    nobody expects it to start now. Restoring one that is there changes nothing."""

    def work(conn: Connection) -> None:
        find_campaign(conn, campaign_id, team_id)
        if campaign_edits.restore(conn, campaign_id) is not None:
            campaigns.audit(conn, campaign_id, actor, "restore", {})

    transact(dialer.db, work)
    log.info("campaign_restored", campaign_id=campaign_id)


def remove_contacts(
    dialer: Dialer,
    team_id: str,
    campaign_id: str,
    contact_ids: Sequence[str],
    *,
    actor: str,
    bookmark: Bookmark = ANEW,
) -> tuple[int, list[Step]]:
    """Take contacts out of a campaign, those that are in it; returns how many.

    Raises :class:`Conflict` naming contacts that have calls in the campaign, which are its history, and
    :class:`NotFound` naming ids that are no contacts of the team; then none is removed. Many are removed batch by
    batch: one that is called in between is named so, too, and those of the batches before are gone.
    """

    def check(conn: Connection) -> None:
        hold_campaign(conn, campaign_id, team_id)
        missing = contacts.missing(conn, team_id, wanted)
        if missing:
            raise NotFound("contact", *missing)
        _refuse_called(conn, campaign_id, wanted)

    def work(conn: Connection, some: Sequence[str], before: int) -> tuple[int, bool]:
        is_running = hold_campaign(conn, campaign_id, team_id).status == CampaignStatus.RUNNING
        contacts.hold(conn, team_id, some)
        found = campaign_contacts.lock(conn, campaign_id, some)
        _refuse_called(conn, campaign_id, found)
        removed = campaign_contacts.remove(conn, campaign_id, found)
        campaigns.audit(conn, campaign_id, actor, "remove_contacts", {"removed": removed})
        bookmark.keep(conn, {"removed": before + removed})
        return removed, is_running

    wanted, removed, is_running = list(dict.fromkeys(contact_ids)), bookmark.count("removed"), False
    once(dialer.db, check)
    for some in in_batches(wanted):
        gone, is_running = transact(dialer.db, partial(work, some=some, before=removed))
        removed += gone
    log.info("contacts_removed", campaign_id=campaign_id, removed=removed)
    # A running campaign whose last waiting contacts are gone is complete, which filling it finds out.
    return removed, [Fill(team_id, (campaign_id,))] if is_running and removed else []


def _refuse_called(conn: Connection, campaign_id: str, contact_ids: Sequence[str]) -> None:
    called = campaign_contacts.called(conn, campaign_id, contact_ids)
    if called:
        named = ", ".join(called)
        raise Conflict(f"Contacts that have calls in campaign {campaign_id} cannot be removed from it: {named}.")
