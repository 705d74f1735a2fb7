"""Put contacts that were given up back among those that wait, by an operator's word."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.domain.errors import Conflict, NotFound
from worker.domain.model import CampaignStatus, ContactStatus, Reason
from worker.domain.requeue import ABOUT_THE_NUMBER, GivenUp, is_settled, why_not
from worker.flow.base import Dialer, Fill, Step
from worker.operations.batches import in_batches, kept_open
from worker.operations.campaign_access import hold_campaign, refuse_closing
from worker.store import campaigns
from worker.store.crm import campaign_contacts, contacts
from worker.store.crm.campaign_contacts import RequeueCandidate
from worker.store.database import once, transact

log = structlog.get_logger()

MOST_ERRORS = 1000
"""How many sentences a request by a filter remembers."""


@dataclass(frozen=True, slots=True)
class Requeued:
    """How many contacts wait again; and of those that do not, why: a sentence each, without its point. Who waited
    already, or is being called, is in neither."""

    count: int
    errors: tuple[str, ...]


def requeue_contacts(
    dialer: Dialer, team_id: str, campaign_id: str, contact_ids: Sequence[str], *, actor: str
) -> tuple[Requeued, list[Step]]:
    """Let those of the contacts wait again, due now, that are ``exhausted`` or ``failed`` and of whom
    :mod:`worker.domain.requeue` allows it. Attempts that were used stay used. In a running campaign they are called,
    in any other they wait for its next run or resumption.

    Takes turns with adding contacts, completing and editing, so that each sees what the other has done. Do-not-call
    may be said a moment later; it is checked again before every call. Raises :class:`NotFound` naming ids that are no
    contacts of the team, and :class:`Conflict` for a campaign that is cancelled or deleted; then nothing is done.
    Many are done batch by batch: if the campaign is cancelled in between, those before wait no longer either.
    """
    unique_ids = list(dict.fromkeys(contact_ids))
    with kept_open(dialer.db, campaign_id, len(unique_ids)) as db:
        missing = once(db, partial(_missing, team_id=team_id, campaign_id=campaign_id, contact_ids=unique_ids))
        if missing:
            raise NotFound("contact", *missing)
        batch = partial(requeue_batch, team_id=team_id, campaign_id=campaign_id, actor=actor)
        done = [transact(db, partial(batch, contact_ids=some)) for some in in_batches(unique_ids)]
    requeued = Requeued(sum(count for count, _, _ in done), tuple(error for _, errors, _ in done for error in errors))
    log.info("contacts_requeued", campaign_id=campaign_id, requeued=requeued.count, refused=len(requeued.errors))
    is_running = any(running for count, _, running in done if count)
    return requeued, [Fill(team_id, (campaign_id,))] if is_running else []


def requeue_batch(
    conn: Connection, team_id: str, campaign_id: str, contact_ids: Sequence[str], *, actor: str
) -> tuple[int, list[str], bool]:
    """Let some wait again in the caller's transaction: how many do, why others do not, whether the campaign runs."""
    is_running = _open(conn, team_id, campaign_id)
    missing = contacts.hold(conn, team_id, contact_ids)
    if missing:
        raise NotFound("contact", *missing)
    contacts.take_turns(conn, campaign_id)
    campaign_contacts.lock(conn, campaign_id, contact_ids)
    campaign = campaigns.get(conn, campaign_id)
    assert campaign is not None
    wanted, errors = _sort_out(conn, campaign_id, contact_ids, campaign.max_attempts_per_contact)
    count = campaign_contacts.requeue(conn, campaign_id, wanted)
    campaigns.audit(conn, campaign_id, actor, "requeue_contacts", {"requeued": count, "refused": len(errors)})
    return count, errors, is_running


def _missing(conn: Connection, team_id: str, campaign_id: str, contact_ids: Sequence[str]) -> list[str]:
    _open(conn, team_id, campaign_id)
    return contacts.missing(conn, team_id, contact_ids)


def _open(conn: Connection, team_id: str, campaign_id: str) -> bool:
    """Keep the campaign, which contacts may wait in, as it is; whether it runs."""
    held = hold_campaign(conn, campaign_id, team_id)
    if held.status == CampaignStatus.CANCELLED:
        raise Conflict(f"Campaign {campaign_id} is cancelled; its contacts cannot wait again.")
    refuse_closing(held)
    return bool(held.status == CampaignStatus.RUNNING)


def _sort_out(
    conn: Connection, campaign_id: str, contact_ids: Sequence[str], max_attempts: int
) -> tuple[list[str], list[str]]:
    """Who may wait again, and of the others why not."""
    found = {row.contact_id: row for row in campaign_contacts.of_campaign(conn, campaign_id, contact_ids)}
    doubted = [row.contact_id for row in found.values() if row.called and row.reason in ABOUT_THE_NUMBER]
    called = campaign_contacts.last_called(conn, campaign_id, doubted)
    wanted: dict[str, str] = {}  # by number: the same one twice in this request is called once
    errors = [f"Contact {contact_id} is not in the campaign" for contact_id in contact_ids if contact_id not in found]
    for contact_id, row in found.items():
        if is_settled(ContactStatus(row.status)):
            continue
        error = why_not(given_up(row, called, wanted), max_attempts)
        if error is not None:
            errors.append(error)
        elif row.phone_e164 is not None:  # without one there is an error
            wanted[row.phone_e164] = contact_id
    return list(wanted.values()), errors


def given_up(row: RequeueCandidate, called: Mapping[str, str], wanted: Collection[str] = ()) -> GivenUp:
    """The row, by what decides whether it may wait again. ``called`` is by which number contacts were called last,
    ``wanted`` are the numbers of others who are to wait again."""
    no_number = row.phone_e164 is None
    return GivenUp(
        contact_id=row.contact_id,
        status=ContactStatus(row.status),
        reason=None if row.reason is None else Reason(row.reason),
        attempts=row.attempts,
        number_fault=Reason(row.phone_fault or Reason.NO_PHONE_NUMBER) if no_number else None,
        do_not_call=row.do_not_call,
        was_called_by_it=not no_number and called.get(row.contact_id) == row.phone_e164,
        is_taken=row.is_taken or row.phone_e164 in wanted,
    )
