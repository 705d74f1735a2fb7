"""The story of one person: the campaigns they are in and what becomes of them there, their calls with all that carriers
said, what was edited, and by which word they are not to be called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from worker.domain.activity import Activity
from worker.domain.answers import DO_NOT_CALL, EDIT, STORY_CAMPAIGN
from worker.domain.contact_standing import ContactStanding, Place, contact_standing
from worker.domain.errors import Conflict, NotFound
from worker.domain.model import WAITING, ContactStatus, Reason
from worker.domain.on_the_clock import when
from worker.domain.paging import Part
from worker.domain.requeue import ABOUT_THE_NUMBER, is_settled, why_not
from worker.domain.screening import Phone, normalize
from worker.domain.whose_clock import clock_zone
from worker.flow.base import Dialer
from worker.flow.claim import rule_out
from worker.operations.calls import MOST_EVENTS, call_view, event_view
from worker.operations.contacts import get_found
from worker.operations.country import country_of_team
from worker.operations.instants import instant
from worker.operations.progress import next_call_at, read_progress
from worker.operations.requeue import given_up
from worker.operations.views import View, view
from worker.store.crm import campaign_contacts, contact_list, external_ids, records
from worker.store.crm.contact_list import Wanted
from worker.store.database import once
from worker.store.reads import calls, story
from worker.store.reads.story import StoryCampaign

MOST_CAMPAIGNS, MOST_CALLS, MOST_EDITS = 50, 100, 100
"""Of each the latest."""
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class StoryCampaignRead:
    """A campaign the person is in, how they stand there, and by whose clock."""

    row: StoryCampaign
    standing: ContactStanding
    next_call_at: datetime | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """One person. ``calls`` are the latest, each with its events; ``read_at`` is the server's clock, by which calls and
    edits are noted."""

    contact: View
    do_not_call: View
    campaigns: Sequence[StoryCampaignRead]
    calls: Sequence[View]
    edits: Sequence[View]
    read_at: datetime

    @property
    def zone(self) -> str | None:
        """Whose clock counts: the person's own, else that of a campaign they are in; ``None`` where there is none."""
        return self.contact["timezone"] or next((each.zone for each in self.campaigns if each.zone), None)

    def at(self, instant: datetime) -> str:
        """When something was, by the person's clock."""
        return when(instant, self.read_at, self.zone)

    def answer(self) -> View:
        """The fields of the API's answer."""
        return {
            "contact": self.contact,
            "do_not_call": self.do_not_call,
            "campaigns": [_campaign_view(each) for each in self.campaigns],
            "calls": list(self.calls),
            "edits": list(self.edits),
        }


def contact_story(
    dialer: Dialer, team_id: str, contact_id: str, *, broker_answers: Callable[[], bool] = lambda: True
) -> Story:
    """The story of the team's contact. Raises :class:`NotFound`."""

    def read(conn: Connection) -> tuple[Story, Sequence[StoryCampaign], dict[str, str | None]]:
        contact = get_found(conn, team_id, contact_id)
        rows = story.campaigns_of(conn, team_id, contact_id, most=MOST_CAMPAIGNS)
        found = calls.of_contact(conn, team_id, contact_id, most=MOST_CALLS)
        events = calls.events_of(conn, [call.token for call in found], most=MOST_EVENTS)
        shown = [call_view(call) | {"events": [event_view(each) for each in events[call.token]]} for call in found]
        subjects = [contact_id, *([contact["phone_e164"]] if contact["phone_e164"] else [])]
        edits = [view(EDIT, row) for row in story.edits(conn, team_id, subjects, most=MOST_EDITS)]
        ban = view(DO_NOT_CALL, story.do_not_call(conn, team_id, contact_id))
        for_good = {row.campaign_id: _why_for_good(conn, row) for row in rows}
        return Story(contact, ban, (), shown, edits, records.now(conn)), rows, for_good

    read_first, rows, for_good = once(dialer.db, read)
    campaigns = [_read(dialer, team_id, row, for_good[row.campaign_id], broker_answers) for row in rows]
    return replace(read_first, campaigns=campaigns)


def find_person(dialer: Dialer, team_id: str, sign: str, *, region: str | None = None) -> str:
    """The id of the contact that is meant by an id, an external id or a number, the first of these that names one.
    Raises :class:`NotFound`, and :class:`Conflict` naming those who share a number."""

    def read(conn: Connection) -> str:
        row = contact_list.one(conn, team_id, sign)
        if row is not None:
            return str(row.id)
        stored = external_ids.find(conn, team_id, sign)
        if stored is not None:
            return str(stored["id"])
        number = normalize(sign, region or country_of_team(conn, team_id))
        wanted = Wanted(phone_e164=number.e164) if isinstance(number, Phone) else Wanted(phone=sign)
        _, found = contact_list.find(conn, team_id, wanted, Part(limit=MOST_NAMED + 1))
        if not found:
            raise NotFound("contact", sign, remedy="give an id, an external id or a phone number of this team")
        if len(found) > 1:
            named = ", ".join(each.id for each in found[:MOST_NAMED]) + (", …" if len(found) > MOST_NAMED else "")
            raise Conflict(f"Several contacts have the number {sign}: {named}. Name one by its id.")
        return str(found[0].id)

    return once(dialer.db, read)


def _why_for_good(conn: Connection, row: StoryCampaign) -> str | None:
    """Why a contact that was given up may not be put back, by the rule of that; ``None`` where it may, or waits."""
    if is_settled(ContactStatus(row.status)) or row.status == ContactStatus.CANCELLED:
        return None
    (stored,) = campaign_contacts.of_campaign(conn, row.campaign_id, [row.contact_id])
    doubted = [row.contact_id] if row.called and row.reason in ABOUT_THE_NUMBER else []
    called = campaign_contacts.last_called(conn, row.campaign_id, doubted)
    return why_not(given_up(stored, called), row.max_attempts_per_contact)


def _read(
    dialer: Dialer, team_id: str, row: StoryCampaign, for_good: str | None, broker_answers: Callable[[], bool]
) -> StoryCampaignRead:
    status, waits = ContactStatus(row.status), row.status in WAITING
    out = rule_out(row, row) if waits else None
    next_at = next_call_at(row, row.zone, row.due_at, dialer.bounds.closing_margin_seconds) if waits else None
    activity: Activity | None = None
    if waits and out is None:
        activity = read_progress(dialer, team_id, row.campaign_id, broker_answers=broker_answers).activity
    zone = clock_zone(row.settings, row.zone, row.call_window_timezone or "") or None
    place = Place(
        contact_id=row.contact_id,
        status=status,
        reason=None if row.reason is None else Reason(row.reason),
        now=row.now,
        zone=zone,
        is_ruled_out=None if out is None else (out.status, None if out.reason is None else Reason(out.reason)),
        is_on_the_phone=row.on_the_phone,
        due_at=row.due_at,
        next_call_at=next_at,
        activity=activity,
        why_for_good=for_good,
    )
    return StoryCampaignRead(row, contact_standing(place), None if out is not None else next_at, zone)


def _campaign_view(read: StoryCampaignRead) -> View:
    standing = read.standing
    shown = view(STORY_CAMPAIGN, read.row, next_call_at=read.next_call_at)
    why = {"code": standing.code, "message": standing.message, "until": instant(standing.until)}
    return shown | {"standing": why | {"is_over": standing.is_over}}
