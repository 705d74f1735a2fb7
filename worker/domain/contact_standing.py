"""Why a contact of a campaign waits, or is never called again: a word for programs, a sentence for people, and until
when.

What decides is not thought up here: who is ruled out the claim says, who may wait again the rule of putting contacts
back, what the campaign waits for its activity, and when a window opens the window. Here they are put in the order in
which they would have to be removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.domain.activity import Activity
from worker.domain.model import WAITING, ContactStatus, Reason
from worker.domain.on_the_clock import when
from worker.domain.screening import error_sentence

OF_THE_CONTACT = frozenset({"nothing_due", "window_shut", "window_unreadable", "place_unknown"})
"""What a campaign's activity says of all its contacts together, and is said here of one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A contact in a campaign, ``now`` (business time). ``status`` is what it reads as. Of one that waits: why it
    ``is_ruled_out`` (the status it gets at its turn, and the reason), whether it ``is_on_the_phone`` in some campaign,
    when it is due and when it may first be called (``next_call_at``; ``None``: never), what the campaign does. Of one
    that was given up: ``why_for_good``, a sentence without its point (``None``: it may be put back). ``zone`` is by
    whose clock it is called (``None``: there is none)."""

    contact_id: str
    status: ContactStatus
    reason: Reason | None
    now: datetime
    zone: str | None = None
    is_ruled_out: tuple[ContactStatus, Reason | None] | None = None
    is_on_the_phone: bool = False
    due_at: datetime | None = None
    next_call_at: datetime | None = None
    activity: Activity | None = None
    why_for_good: str | None = None


@dataclass(frozen=True, slots=True)
class ContactStanding:
    """The word, the sentence, until when (where that is known), and whether nobody calls it any more."""

    code: str
    message: str
    until: datetime | None = None
    is_over: bool = False


def contact_standing(place: Place) -> ContactStanding:
    """What becomes of the contact, or the first thing that keeps it from being called."""
    if place.status is ContactStatus.COMPLETED:
        return ContactStanding("reached", "It was reached: somebody answered.", is_over=True)
    if place.status is ContactStatus.CANCELLED:
        how = "has ended" if place.reason is Reason.CAMPAIGN_ENDED else "was cancelled"
        return ContactStanding("cancelled", f"It is not called any more: the campaign {how}.", is_over=True)
    if place.status is ContactStatus.CALLING:
        return ContactStanding("calling", "It is being called now.")
    if place.status in WAITING:
        return _waiting(place)
    code = "attempts_used" if place.status is ContactStatus.EXHAUSTED else str(place.reason or place.status.value)
    if place.why_for_good is not None:
        return ContactStanding(code, f"It is not called any more: {place.why_for_good}.", is_over=True)
    why = "its attempts were used" if place.reason is None else error_sentence(place.contact_id, place.reason)
    return ContactStanding(code, f"It was given up: {why}. It can be put back (requeue).", is_over=True)


def _waiting(place: Place) -> ContactStanding:
    if place.is_ruled_out is not None:
        _, reason = place.is_ruled_out
        code = "attempts_used" if reason is None else reason.value
        why = "all its attempts are used" if reason is None else error_sentence(place.contact_id, reason)
        return ContactStanding(code, f"It waits and will not be called: {why}.", is_over=True)
    activity = place.activity
    if activity is not None and not activity.is_dialing and activity.code not in OF_THE_CONTACT:
        return ContactStanding(activity.code, activity.message, activity.until)
    if place.next_call_at is None:
        return ContactStanding("window_unreadable", "Its call window never opens; set the window or its zone again.")
    if place.due_at is not None and place.due_at > place.now:
        at = when(place.next_call_at, place.now, place.zone)
        shut = " and the call window is open" if place.next_call_at > place.due_at else ""
        return ContactStanding("not_due", f"It waits for its turn: it is due{shut} at {at}.", place.next_call_at)
    if place.next_call_at > place.now:
        at = when(place.next_call_at, place.now, place.zone)
        return ContactStanding("window_shut", f"The call window is shut for it until {at}.", place.next_call_at)
    if place.is_on_the_phone:
        return ContactStanding("on_the_phone", "Its number is on the phone; it is looked at again in half a minute.")
    said = "" if activity is None else f" {activity.message}"
    return ContactStanding("due", f"It is due and may be called.{said}")
