"""Make a campaign of another: the same again, or for those whom the other has not reached."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.campaign import parse_campaign
from worker.domain.campaign_edit import as_sent
from worker.domain.errors import Conflict, Deleted, NotFound
from worker.domain.model import ContactStatus
from worker.domain.run_request import LONGEST_NAME
from worker.flow.base import Dialer
from worker.flow.call_request import refuse_unreachable
from worker.operations import batches
from worker.operations.batches import ANEW, Bookmark
from worker.operations.campaigns import add_batch
from worker.store import campaigns
from worker.store.crm import campaign_copies, campaign_edits
from worker.store.database import once, transact
from worker.store.reads.campaign_list import Shown, show

log = structlog.get_logger()

OF_ITS_TIME = ("scheduledEndAt",)
"""What a campaign is not copied with, beside the instant it starts at: instants that were meant for that one."""
OF_ITSELF = ("law",)
"""What an admin has decided for that one campaign alone."""


def clone_campaign(
    dialer: Dialer,
    team_id: str,
    campaign_id: str,
    name: str | None,
    *,
    with_contacts: bool,
    actor: str,
    bookmark: Bookmark = ANEW,
) -> tuple[str, int]:
    """Make a draft with the fields of this campaign, without its schedule, and with its contacts where they are wanted,
    each of whom waits as one that was never called. Returns its id and how many contacts are in it. Raises
    :class:`NotFound`, and :class:`Deleted`."""
    return _copy(dialer, team_id, campaign_id, name, "copy", actor, bookmark, with_contacts=with_contacts)


def redial_campaign(
    dialer: Dialer, team_id: str, campaign_id: str, name: str | None, *, actor: str, bookmark: Bookmark = ANEW
) -> tuple[str, int]:
    """Make a draft with the fields of this campaign and those of its contacts that were not reached, their attempts
    used. Returns its id and how many they are. Raises :class:`NotFound`, :class:`Deleted`, and :class:`Conflict` where
    there is none."""
    status = ContactStatus.EXHAUSTED
    return _copy(dialer, team_id, campaign_id, name, "redial", actor, bookmark, with_contacts=True, status=status)


def copied(conn: Connection, team_id: str, campaign_id: str) -> tuple[Shown, dict[str, Any]]:
    """The campaign as it is shown, and the request that makes another one like it. Raises :class:`NotFound`, and
    :class:`Deleted`."""
    found = show(conn, team_id, campaign_id)
    if found is None:
        raise NotFound("campaign", campaign_id)
    if found["deleted_at"] is not None:
        raise Deleted(campaign_id)
    return found, {name: value for name, value in as_sent(found).items() if name not in OF_ITS_TIME}


def create_like(conn: Connection, team_id: str, sent: Mapping[str, Any], **columns: Any) -> str:
    """Write the campaign of a request that :func:`copied` gave, with these columns besides; returns its id."""
    new = parse_campaign(sent, now=campaigns.now(conn))
    number_ids = new.pop("from_number_ids")
    refuse_unreachable(conn, new["assistant_id"], number_ids)
    new_id = ids.new(ids.CAMPAIGN)
    campaign_edits.create(conn, {"id": new_id, "team_id": team_id, **new, **columns}, number_ids)
    return new_id


def _copy(
    dialer: Dialer,
    team_id: str,
    campaign_id: str,
    name: str | None,
    kind: str,
    actor: str,
    bookmark: Bookmark,
    *,
    with_contacts: bool,
    status: ContactStatus | None = None,
) -> tuple[str, int]:
    def create(conn: Connection) -> str:
        found, sent = copied(conn, team_id, campaign_id)
        if status is not None and not campaign_copies.members(conn, campaign_id, status, after=0, most=1):
            raise Conflict(f"Campaign {campaign_id} has no contact that was not reached; nobody is left to redial.")
        sent = {field: value for field, value in sent.items() if field not in OF_ITSELF}
        whole = sent | {"name": name or _named(found["name"], kind)}
        new_id = create_like(conn, team_id, whole)
        campaigns.audit(conn, new_id, actor, kind, {"of": campaign_id})
        bookmark.keep(conn, {"campaign": new_id})
        return new_id

    new_id = str(bookmark.found.get("campaign") or transact(dialer.db, create))
    added = bookmark.count("added")
    after: int | None = bookmark.count("after") if with_contacts else None
    while after is not None:
        page = once(
            dialer.db,
            partial(campaign_copies.members, campaign_id=campaign_id, status=status, after=after, most=batches.BATCH),
        )
        if not page:
            break
        after = page[-1].id
        contact_ids = [row.contact_id for row in page]
        added += transact(dialer.db, partial(_add, team_id, new_id, contact_ids, {"after": after}, added, bookmark))
    log.info("campaign_copied", campaign_id=new_id, of=campaign_id, kind=kind, added=added)
    return new_id, added


def _add(
    team_id: str,
    campaign_id: str,
    contact_ids: list[str],
    place: Mapping[str, int],
    before: int,
    bookmark: Bookmark,
    conn: Connection,
) -> int:
    added = add_batch(conn, campaign_id, contact_ids, priorities={}, team_id=team_id)[0].total()
    bookmark.keep(conn, {"campaign": campaign_id, "added": before + added, **place})
    return added


def _named(name: str, kind: str) -> str:
    """The name of the new one: that of the old one, as far as there is room, and what it is."""
    suffix = f" ({kind})"
    return f"{name[: LONGEST_NAME - len(suffix)]}{suffix}"
