"""A callback: an instant at which a contact asked to be called. Whoever asked is called before those merely due, never
before that instant, and once in a campaign one call beyond its most attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.domain.errors import Conflict
from worker.domain.fields import MISSING, Field, read_field
from worker.domain.future_instant import Start
from worker.domain.model import ContactStatus, Reason
from worker.domain.on_the_clock import day
from worker.domain.screening import error_sentence

MOST_DAYS = 60
"""How far ahead one may be asked for."""
FIRST_RANK = 0
"""The rank of a contact that is to be called back; that of all others is their priority."""
_ZONELESS = "; neither the contact nor the campaign has a time zone to read it in"


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback that was asked for ``at`` and comes ``call_at``, the first instant from then on at which a window is
    open, by the clock of ``zone`` (``None``: nobody has one). ``note`` says what it waits for beside."""

    campaign_id: str
    contact_id: str
    at: datetime
    call_at: datetime
    zone: str | None
    note: str = ""

    @property
    def message(self) -> str:
        """The answer for people, by the contact's clock."""
        when = day(self.call_at, self.zone or "UTC")
        if self.call_at == self.at:
            return f"Contact {self.contact_id} is called back on {when}.{self.note}"
        asked = day(self.at, self.zone or "UTC")
        return (
            f"Contact {self.contact_id} is called back on {when}: on {asked} the campaign may not call it.{self.note}"
        )


def may_exceed(callback_at: datetime | None, callbacks_used: int) -> bool:
    """Whether a contact may be called though its attempts are used: it asked to be, and was not before."""
    return callback_at is not None and callbacks_used == 0


def parse_callback(at: object, now: datetime, zone: str | None) -> datetime:
    """The instant asked for: ISO 8601, in the future and at most :data:`MOST_DAYS` away; without an offset by the clock
    of ``zone``. Raises :class:`Invalid`."""
    field = Field("at", callback_instant(now, zone), required=True)
    read: datetime = read_field(MISSING if at is MISSING else at, field, "at")
    return read


def callback_instant(now: datetime, zone: str | None) -> Start:
    """The kind of an instant that is asked for."""
    return Start(now, zone, latest=now + timedelta(days=MOST_DAYS), zoneless=_ZONELESS)


def refuse(contact_id: str, status: ContactStatus, reason: Reason | None, *, is_banned: bool, is_used_up: bool) -> None:
    """Raises :class:`Conflict` for a contact that is not called back, whoever asks for it. ``is_used_up`` where its
    attempts, and the one call beyond them, are used."""
    if is_banned:
        raise Conflict(f"{error_sentence(contact_id, Reason.DO_NOT_CALL)}; it is not called back.")
    if status in (ContactStatus.SKIPPED, ContactStatus.FAILED):
        raise Conflict(f"{error_sentence(contact_id, reason or Reason.TECHNICAL)}; it is not called back.")
    if status is ContactStatus.CANCELLED:
        how = "its campaign has ended" if reason is Reason.CAMPAIGN_ENDED else "it was cancelled with its campaign"
        raise Conflict(f"Contact {contact_id} is not called back: {how}.")
    if is_used_up:
        raise Conflict(f"Contact {contact_id} has had all its attempts, and was called back once beyond them.")
