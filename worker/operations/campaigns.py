"""Make a campaign, show it, schedule it, and fill it with contacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.campaign import CAMPAIGN, end_faults, parse_campaign, parse_instant
from worker.domain.errors import Conflict, Fault, Invalid, NotFound
from worker.domain.lifecycle import Verb
from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Fill, Step
from worker.flow.call_request import refuse_unreachable
from worker.flow.purpose import refuse_without_purpose
from worker.flow.stop import refused
from worker.operations.batches import ANEW, Bookmark, in_batches, kept_open
from worker.operations.campaign_access import find_campaign, hold_campaign, refuse_closing
from worker.operations.views import View, view
from worker.store import campaigns
from worker.store.campaigns import SharedCampaign
from worker.store.crm import campaign_contacts, campaign_edits, contacts
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
        campaigns.audit(conn, campaign_id, actor, "create", {"law": new["law"]} if new.get("law") else {})
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


@dataclass(frozen=True, slots=True)
class Added:
    """How many contacts are ``new`` in a campaign, and of these how many cannot be called, by the reason; how many
    were ``there`` before."""

    new: int
    there: int
    out_of_reach: Mapping[str, int]

    @property
    def counts(self) -> dict[str, Any]:
        """As the API says it."""
        reasons = dict(sorted(self.out_of_reach.items()))
        out = {"count": sum(reasons.values()), "reasons": reasons}
        return {"added": self.new, "alreadyThere": self.there, "cannotBeCalled": out}


def add_contacts(
    dialer: Dialer,
    campaign_id: str,
    contact_ids: Sequence[str],
    *,
    priorities: Mapping[str, int] | None = None,
    actor: str,
    team_id: str | None = None,
    bookmark: Bookmark = ANEW,
) -> tuple[Added, list[Step]]:
    """Add existing contacts to a campaign, batch by batch; those already in it are left as they are. Raises
    :class:`NotFound` naming unknown contacts (then none is added), :class:`Conflict` for a cancelled campaign."""
    wanted = list(dict.fromkeys(contact_ids))
    added, out, steps = bookmark.count("added"), Counter(bookmark.found.get("out", {})), list[Step]()

    def check(conn: Connection) -> None:
        campaign = open_for_contacts(conn, campaign_id, team_id)
        missing = contacts.missing(conn, campaign.team_id, wanted)
        if missing:
            raise NotFound("contact", *missing)

    def work(conn: Connection, some: Sequence[str]) -> tuple[int, Counter[str], list[Step]]:
        found, following = add_batch(conn, campaign_id, some, priorities=priorities or {}, team_id=team_id)
        new, reasons = found.total(), Counter({reason: n for reason, n in found.items() if reason is not None})
        if new:
            campaigns.audit(conn, campaign_id, actor, "add_contacts", {"added": new})
        bookmark.keep(conn, {"added": added + new, "out": out + reasons})
        return new, reasons, following

    with kept_open(dialer.db, campaign_id, len(wanted)) as db:
        once(db, check)
        for some in in_batches(wanted):
            new, reasons, following = transact(db, partial(work, some=some))
            added, out, steps = added + new, out + reasons, following or steps
    log.info("contacts_added", campaign_id=campaign_id, added=added)
    return Added(added, len(wanted) - added, out), steps


def add_batch(
    conn: Connection,
    campaign_id: str,
    contact_ids: Sequence[str],
    *,
    priorities: Mapping[str, int],
    team_id: str | None = None,
) -> tuple[Counter[str | None], list[Step]]:
    """Add one batch in the caller's transaction; how many were new, by why they cannot be called, and what is to be
    done once it is committed."""
    campaigns.know_ranks(conn, campaign_id, {priorities[each] for each in contact_ids if each in priorities})
    campaign = open_for_contacts(conn, campaign_id, team_id)
    missing = contacts.hold(conn, campaign.team_id, contact_ids)
    if missing:
        raise NotFound("contact", *missing)
    added = contacts.add(conn, campaign.team_id, campaign_id, contact_ids, priorities)
    return added, fill_after(campaign, added.total())


def prioritize_contacts(
    dialer: Dialer, team_id: str, campaign_id: str, contact_ids: Sequence[str], priority: int, *, actor: str
) -> int:
    """Give contacts of a campaign another priority, batch by batch; those that are not in it are passed over. Returns
    how many had another one. Raises :class:`NotFound` for what is no contact of the team."""

    def work(conn: Connection, some: Sequence[str]) -> int:
        find_campaign(conn, campaign_id, team_id)
        missing = contacts.missing(conn, team_id, some)
        if missing:
            raise NotFound("contact", *missing)
        campaigns.know_ranks(conn, campaign_id, {priority})
        changed = campaign_contacts.prioritize(
            conn, campaign_id, campaign_contacts.lock(conn, campaign_id, some), priority
        )
        if changed:
            detail = {"priority": priority, "changed": changed}
            campaigns.audit(conn, campaign_id, actor, "prioritize_contacts", detail)
        return changed

    wanted = list(dict.fromkeys(contact_ids))
    changed = sum(transact(dialer.db, partial(work, some=some)) for some in in_batches(wanted))
    log.info("contacts_prioritized", campaign_id=campaign_id, changed=changed)
    return changed


def fill_after(campaign: SharedCampaign, added: int) -> list[Step]:
    """What is to be done once so many contacts are in the campaign."""
    is_running = campaign.status == CampaignStatus.RUNNING
    return [Fill(campaign.team_id, (campaign.id,))] if is_running and added else []


def open_for_contacts(conn: Connection, campaign_id: str, team_id: str | None = None) -> SharedCampaign:
    """The campaign, held (:func:`hold_campaign`). Raises also :class:`Conflict` where contacts cannot be added."""
    campaign = hold_campaign(conn, campaign_id, team_id)
    if campaign.status == CampaignStatus.CANCELLED:
        raise Conflict(f"Campaign {campaign_id} is cancelled; contacts cannot be added to it.")
    refuse_closing(campaign)
    return campaign


def schedule(dialer: Dialer, campaign_id: str, at: object, *, actor: str, team_id: str | None = None) -> None:
    """Let a draft start by itself at ``at`` (ISO 8601; without an offset by the campaign's clock), or move the instant
    of a scheduled campaign."""

    def work(conn: Connection) -> None:
        campaign = find_campaign(conn, campaign_id, team_id)
        refuse_without_purpose(dialer, campaign)
        instant = parse_instant(at, "scheduledStartAt", campaign.now, campaign.call_window_timezone)
        if end_faults(instant, campaign.scheduled_end_at):
            raise Invalid([Fault("scheduledStartAt", "It is not before scheduledEndAt; give an earlier instant.")])
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
