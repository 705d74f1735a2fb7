"""Whether a contact of a campaign would be called at an instant, by the rules by which the claim decides, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from worker.domain.call_hours import Rules, whereabouts
from worker.domain.contact_standing import Place as Standing
from worker.domain.contact_standing import contact_standing
from worker.domain.decision import Decision, of_ours
from worker.domain.errors import NotFound
from worker.domain.future_instant import Start
from worker.domain.law import Calling
from worker.domain.local_times import written
from worker.domain.model import WAITING, CampaignStatus, ContactStatus, Reason
from worker.domain.places import Place, expand
from worker.domain.screening import error_sentence
from worker.domain.verdict import Because, Verdict, decide
from worker.domain.whose_clock import clock_zone
from worker.domain.window import RULES_END
from worker.flow.base import Dialer, first_moment
from worker.flow.claim import rule_out
from worker.flow.lawful import passes
from worker.law.words import PURPOSES, Consent, Purpose
from worker.operations.instants import instant
from worker.operations.views import View
from worker.store.database import once
from worker.store.reads import story
from worker.store.reads.story import StoryCampaign

CAPPED = "frequency"
"""The reason of one that waits because its number has had its calls."""
_ANY_TIME = datetime.min.replace(tzinfo=RULES_END.tzinfo)


def decide_contact(
    dialer: Dialer, team_id: str, campaign_id: str, contact_id: str, *, at: str | None = None
) -> Decision:
    """What is decided about a contact of the campaign; ``at`` is an instant in ISO 8601, without an offset by the
    callee's clock, and now where it is left out. For an instant that is named the campaign counts as running. Raises
    :class:`NotFound`, and :class:`Invalid` for what is no instant."""

    def read(conn: Connection) -> Decision:
        row = story.campaign_of(conn, team_id, contact_id, campaign_id)
        if row is None:
            raise NotFound("contact in the campaign", contact_id)
        return decision(dialer, row, at)

    return once(dialer.db, read)


def decide_everywhere(
    dialer: Dialer, team_id: str, contact_id: str, *, at: str | None = None, most: int = 50
) -> list[tuple[StoryCampaign, Decision]]:
    """The same for all campaigns the contact is in, the latest first."""

    def read(conn: Connection) -> list[tuple[StoryCampaign, Decision]]:
        rows = story.campaigns_of(conn, team_id, contact_id, most=most)
        return [(row, decision(dialer, row, at)) for row in rows]

    return once(dialer.db, read)


def decision(dialer: Dialer, row: StoryCampaign, at: str | None) -> Decision:
    """What is decided about a contact in a campaign."""
    zone = clock_zone(row.settings, row.zone, row.call_window_timezone or "") or None
    then = row.now if at is None else Start(_ANY_TIME, zone)(at, "at")
    place = _place(row, zone)
    verdict = _verdict(dialer, row, then, place, as_running=at is not None)
    return Decision(
        verdict.verdict, then, verdict.until, verdict.because, *((place.areas, place.zones) if place else ((), ()))
    )


def _place(row: StoryCampaign, zone: str | None) -> Place | None:
    """Where the contact counts as being; ``None`` where it is held, or nothing is known at all."""
    if row.rules is not None:
        return whereabouts(row.zone, Rules.of(row.rules))
    return None if zone is None else expand(zone)


def _verdict(dialer: Dialer, row: StoryCampaign, at: datetime, place: Place | None, *, as_running: bool) -> Verdict:
    """The first thing that keeps the contact from being called, in the order of what would have to be removed."""
    if over := _is_over(row):
        return Verdict("never", None, (over,))
    if not as_running and (rests := _at_rest(row)):
        return Verdict("wait", None, (rests,))
    consent = Consent(row.consent)
    lawful = _by_law(row, at, place, consent)
    if lawful is not None and lawful.verdict == "never":
        return lawful
    passed = passes(row, row.zone, at, consent)
    if isinstance(passed, Reason):
        return Verdict("never", None, (of_ours(f"contact.{passed}", f"{error_sentence(row.contact_id, passed)}."),))
    if row.rules is not None and place is None:
        held = "Nobody knows where it is; give its country, state, postal code or time zone."
        return lawful or Verdict("wait", None, (of_ours("place.unknown", held),))
    begin = max(at, row.due_at)
    opens = first_moment(row, row.zone, begin, dialer.bounds.closing_margin_seconds)
    if opens is None:
        shut = of_ours("campaign.window", "No hour is left at which the campaign's window lets it be called.")
        return Verdict("never" if row.scheduled_end_at is not None else "wait", None, (shut,))
    if opens > at:
        return Verdict("wait", opens, tuple(_until(row, at, begin, lawful)))
    return Verdict("dial", None, () if lawful is None else lawful.because)


def _is_over(row: StoryCampaign) -> Because | None:
    """Why the contact is not called any more."""
    status = ContactStatus(row.status)
    if status not in (*WAITING, ContactStatus.CALLING):
        reason = None if row.reason is None else Reason(row.reason)
        if reason is None or status in (ContactStatus.COMPLETED, ContactStatus.CANCELLED):
            became = contact_standing(Standing(row.contact_id, status, reason, row.now)).message
        else:
            became = f"{error_sentence(row.contact_id, reason)}."
        return of_ours(f"contact.{row.reason or status.value}", became)
    out = rule_out(row, row)
    if out is None:
        return None
    if out.reason is None:
        return of_ours("campaign.attempts", "All its attempts are used.")
    return of_ours(f"contact.{out.reason}", f"{error_sentence(row.contact_id, Reason(out.reason))}.")


def _at_rest(row: StoryCampaign) -> Because | None:
    """Why nobody of the campaign is called now."""
    if row.deleted_at is not None:
        return of_ours("campaign.deleted", "The campaign is deleted; restore it to go on.")
    if row.campaign_status != CampaignStatus.RUNNING:
        return of_ours(f"campaign.{row.campaign_status}", f"The campaign is {row.campaign_status}; run it.")
    return None


def _by_law(row: StoryCampaign, at: datetime, place: Place | None, consent: Consent) -> Verdict | None:
    """What the rules say, where any bind."""
    purpose = None if row.rules is None else row.rules["purpose"]
    if purpose not in PURPOSES:
        return None
    return decide(place or expand(row.zone), Calling(Purpose(purpose)), consent, at)


def _until(row: StoryCampaign, at: datetime, begin: datetime, lawful: Verdict | None) -> Iterator[Because]:
    """What keeps it from being called now and not later."""
    if begin > at and row.reason == CAPPED:
        yield of_ours("frequency", "Its number has had its calls.")
    elif begin > at:
        yield of_ours("campaign.due", "It is due later: a retry, a callback, or put back.")
    if lawful is not None and lawful.verdict == "wait":
        yield from lawful.because
    elif begin <= at:
        yield of_ours("campaign.window", "The campaign's call window is shut where it may be.")


def decision_view(found: Decision) -> View:
    """A decision as it is shown."""
    return {
        "verdict": found.verdict,
        "at": instant(found.at),
        "until": instant(found.until),
        "message": found.message,
        "places": list(found.areas),
        "clocks": [{"zone": zone, "local": written(found.at, zone)} for zone in found.zones],
        "because": [{"rule": each.rule, "text": each.text, "source": each.source or None} for each in found.because],
    }
