"""Make a campaign, show it, schedule it, and fill it with contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.campaign import CAMPAIGN, parse_campaign, parse_instant
from worker.domain.errors import Conflict, NotFound
from worker.domain.lifecycle import Verb
from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Fill, Step
from worker.flow.call_request import refuse_unreachable
from worker.flow.stop import refused
from worker.operations.batches import ANEW, Bookmark, in_batches, kept_open
from worker.operations.campaign_access import find_campaign, hold_campaign
from worker.operations.views import View, view
from worker.store import campaigns
from worker.store.campaigns import SharedCampaign
from worker.store.crm import campaign_edits, contacts
from worker.store.database import once, transact
from worker.store.reads import campaign_list
from worker.store.reads.campaign_list import Filter

log = structlog.get_logger()


def create_campaign(dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str) -> str:
    """Create a campaign from the fields of the API page; returns its id. With a ``scheduledStartAt`` it is
    scheduled, else a draft. Raises :class:`Invalid` with every fault, an assistant that the numbers' carriers cannot
    connect among them, or :class:`NotFound` for an assistant, a company or numbers the team does not have."""

    def work(conn: Connection) -> str:
        new = parse_campaign(body, now=campaigns.now(conn), default_window=dialer.default_window)
        number_ids = new.pop("from_number_ids")
        refuse_missing(conn, team_id, new["assistant_id"], new["company_id"], number_ids)
        refuse_unreachable(conn, new["assistant_id"], number_ids)
        campaign_id = ids.new(ids.CAMPAIGN)
        campaign_edits.create(conn, {"id": campaign_id, "team_id": team_id, **new}, number_ids)
        campaigns.audit(conn, campaign_id, actor, "create", {})
        return campaign_id

    campaign_id = transact(dialer.db, work)
    log.info("campaign_created", campaign_id=campaign_id)
    return campaign_id


def refuse_missing(
    conn: Connection, team_id: str, assistant_id: str, company_id: str, number_ids: Sequence[str]
) -> None:
    """Raises :class:`NotFound` for an assistant, a company or numbers the team does not have."""
    for what, missing in campaigns.missing_resources(conn, team_id, assistant_id, company_id, number_ids):
        raise NotFound(what, *missing)


def add_contacts(
    dialer: Dialer,
    campaign_id: str,
    contact_ids: Sequence[str],
    *,
    actor: str,
    team_id: str | None = None,
    bookmark: Bookmark = ANEW,
) -> tuple[int, list[Step]]:
    """Add existing contacts to a campaign, batch by batch; those already in it are left as they are. Returns how many
    were new. Raises :class:`NotFound` naming unknown contacts (then none is added), :class:`Conflict` for a
    cancelled campaign."""
    wanted = list(dict.fromkeys(contact_ids))
    added, steps = bookmark.count("added"), list[Step]()

    def check(conn: Connection) -> None:
        campaign = open_for_contacts(conn, campaign_id, team_id)
        missing = contacts.missing(conn, campaign.team_id, wanted)
        if missing:
            raise NotFound("contact", *missing)

    def work(conn: Connection, some: Sequence[str], before: int) -> tuple[int, list[Step]]:
        new, following = add_batch(conn, campaign_id, some, team_id=team_id)
        if new:
            campaigns.audit(conn, campaign_id, actor, "add_contacts", {"added": new})
        bookmark.keep(conn, {"added": before + new})
        return new, following

    with kept_open(dialer.db, campaign_id, len(wanted)) as db:
        once(db, check)
        for some in in_batches(wanted):
            new, following = transact(db, partial(work, some=some, before=added))
            added, steps = added + new, following or steps
    log.info("contacts_added", campaign_id=campaign_id, added=added)
    return added, steps


def add_batch(
    conn: Connection, campaign_id: str, contact_ids: Sequence[str], *, team_id: str | None = None
) -> tuple[int, list[Step]]:
    """Add one batch in the caller's transaction; how many were new, and what is to be done once it is committed."""
    campaign = open_for_contacts(conn, campaign_id, team_id)
    missing = contacts.hold(conn, campaign.team_id, contact_ids)
    if missing:
        raise NotFound("contact", *missing)
    added = contacts.add(conn, campaign.team_id, campaign_id, contact_ids)
    return added, fill_after(campaign, added)


def fill_after(campaign: SharedCampaign, added: int) -> list[Step]:
    """What is to be done once so many contacts are in the campaign."""
    is_running = campaign.status == CampaignStatus.RUNNING
    return [Fill(campaign.team_id, (campaign.id,))] if is_running and added else []


def open_for_contacts(conn: Connection, campaign_id: str, team_id: str | None = None) -> SharedCampaign:
    """The campaign, held (:func:`hold_campaign`). Raises also :class:`Conflict` where contacts cannot be added."""
    campaign = hold_campaign(conn, campaign_id, team_id)
    if campaign.status == CampaignStatus.CANCELLED:
        raise Conflict(f"Campaign {campaign_id} is cancelled; contacts cannot be added to it.")
    return campaign


def schedule(dialer: Dialer, campaign_id: str, at: object, *, actor: str, team_id: str | None = None) -> None:
    """Let a draft start by itself at ``at`` (ISO 8601 with an offset), or move the instant of a scheduled
    campaign."""

    def work(conn: Connection) -> None:
        find_campaign(conn, campaign_id, team_id)
        instant = parse_instant(at, "scheduledStartAt", campaigns.now(conn))
        if campaigns.move(conn, Verb.SCHEDULE, campaign_id, at=instant) is None:
            raise refused(conn, Verb.SCHEDULE, campaign_id)
        campaigns.audit(conn, campaign_id, actor, "schedule", {"at": instant.isoformat()})

    transact(dialer.db, work)


def unschedule(dialer: Dialer, campaign_id: str, *, actor: str, team_id: str | None = None) -> None:
    """Make a scheduled campaign a draft again."""

    def work(conn: Connection) -> None:
        find_campaign(conn, campaign_id, team_id)
        if campaigns.move(conn, Verb.UNSCHEDULE, campaign_id) is None:
            raise refused(conn, Verb.UNSCHEDULE, campaign_id)
        campaigns.audit(conn, campaign_id, actor, "unschedule", {})

    transact(dialer.db, work)


def get_campaign(dialer: Dialer, team_id: str, campaign_id: str) -> View:
    """The team's campaign as the API shows it, deleted or not. Raises :class:`NotFound`."""
    shown = once(dialer.db, lambda conn: campaign_list.show(conn, team_id, campaign_id))
    if shown is None:
        raise NotFound("campaign", campaign_id)
    return view(CAMPAIGN.fields, shown)


def list_campaigns(dialer: Dialer, team_id: str, chosen: Filter, *, limit: int, offset: int) -> tuple[int, list[View]]:
    """How many campaigns of the team match, and a page of them, newest first."""
    count, found = once(
        dialer.db, lambda conn: campaign_list.page(conn, team_id, chosen, limit=limit, offset=offset)
    )  # fmt: skip
    return count, [view(CAMPAIGN.fields, shown) for shown in found]
