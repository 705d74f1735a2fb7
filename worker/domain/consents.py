"""Consents, as requests and files say them: of which number, for what, in which form, since when and until when.

One from the future is refused: it is a slip, and would let calls pass that nobody has agreed to. An instant without an
offset cannot be read; a date alone is its first moment in UTC, for an end its last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from worker.domain.errors import Fault, Invalid
from worker.domain.fields import Field, Kind, read_fields, wrong
from worker.domain.kinds import Flag, Number164, Numbers, OneOf, Text
from worker.domain.kinds import Instant as ShownInstant
from worker.domain.resources import CREATED_AT, PROOF, PURPOSE, shown, with_kinds
from worker.domain.window import RULES_END
from worker.law.words import PURPOSES, Consent

REVOKED = "revoked"
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_QUOTED = 40


RANKS: Mapping[str, Consent] = {"express": Consent.EXPRESS, "written": Consent.WRITTEN}
"""The kinds of consent by the words of requests and rows."""


@dataclass(frozen=True, slots=True)
class Past(ShownInstant):
    """An instant in ISO 8601 that is not to come, with an offset, or a date."""

    now: datetime = RULES_END

    def __call__(self, value: object, path: str) -> datetime:
        at = read_instant(value, path)
        if at > self.now:
            raise wrong(path, f"{_quoted(value)} is in the future; give the instant at which it was said.")
        if at < EARLIEST:
            raise wrong(path, f"{_quoted(value)} is before 1970; give the instant at which it was said.")
        return at


@dataclass(frozen=True, slots=True)
class Until(ShownInstant):
    """An instant in ISO 8601, with an offset, or a date, which is counted in."""

    def __call__(self, value: object, path: str) -> datetime:
        at = read_instant(value, path, at_end=True)
        if not EARLIEST <= at < RULES_END:
            raise wrong(path, f"{_quoted(value)} is out of range; give a date before 2038, or leave it out.")
        return at


def read_instant(value: object, path: str, *, at_end: bool = False) -> datetime:
    """The instant of a text. Raises :class:`Invalid`."""
    if not isinstance(value, str):
        raise wrong(path, "Give an ISO 8601 date and time, such as 2026-03-01T09:00:00Z, or a date.")
    text = value.strip()
    try:
        if len(text) == len("2026-03-01") and text.count("-") == 2:
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return day + timedelta(days=1) if at_end else day
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        like = "write it like 2026-03-01T09:00:00Z, or 2026-03-01"
        raise wrong(path, f"{_quoted(value)} is not an ISO 8601 date; {like}.") from None
    if at.utcoffset() is None:
        raise wrong(path, f"{_quoted(value)} has no offset; write it like 2026-03-01T09:00:00Z.")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise wrong(path, f"{_quoted(value)} is out of range; give a date between 1970 and 2037.") from None


def _quoted(value: object) -> str:
    text = str(value)
    return f'"{text[:LONGEST_QUOTED]}{"…" if len(text) > LONGEST_QUOTED else ""}"'


GIVEN = (
    replace(PURPOSE, help="What the calls are for; left out, all purposes."),
    Field("kind", OneOf(tuple(RANKS)), required=True, help="express, or written, which is express, too.",
          example="written"),
    Field("givenAt", Past(), column="given_at", example="2026-03-01T09:00:00Z",
          help="When it was given: an instant with its offset, or a date. Left out, now; not in the future."),
    Field("expiresAt", Until(), column="expires_at", help="Until when it holds; left out, until it is revoked."),
    *PROOF,
)  # fmt: skip
"""What is said of a consent besides whose it is."""
NEW_CONSENT = (
    Field("numbers", Numbers(), required=True, help="Each with its country code, or of the team's country.",
          example=["+12025550123"]),
    *GIVEN,
)  # fmt: skip
REVOCATION = (
    Field("numbers", Numbers(), required=True, help="Each with its country code, or of the team's country.",
          example=["+12025550123"]),
    replace(PURPOSE, help="What they are not to be called for any more; left out, anything."),
    Field("revokedAt", Past(), column="at", help="Since when; left out, from now on. Not in the future."),
    *PROOF,
)  # fmt: skip
OPT_OUT = (
    Field("callId", Text(200, least=1), column="call_id", help="The call in which it was said; its callee is meant.",
          example="call_01j..."),
    Field("number", Number164(), help="Whose number; instead of the call.", example="+12025550123"),
    replace(PURPOSE, help="What they are not to be called for any more; left out, anything."),
    Field("hangUp", Flag(), nullable=False, default=False, column="hang_up",
          help="Whether to end the calls that are live to the number.", switch="--hang-up/--let-talk"),
    *PROOF,
)  # fmt: skip
CONSENT = (
    shown("number", Text(), nullable=False, help="In E.164.", example="+12025550123"),
    shown("purpose", OneOf(PURPOSES), present=lambda purpose: purpose or None, help="None: all."),
    shown("kind", OneOf((*RANKS, REVOKED)), nullable=False, help="express, written; or revoked, which takes earlier "
          "ones back.", example="written"),
    shown("given_at", ShownInstant(), nullable=False, help="Since when it holds; of a revocation, too."),
    shown("expires_at", ShownInstant()),
    shown("counts", Flag(), nullable=False, help="It is a consent, has not expired, and was not taken back."),
    shown("last_used_at", ShownInstant(), help="The latest call that was placed to the number while it held."),
    shown("source", Text()), shown("evidence", Text()),
    shown("recorded_by", Text(), nullable=False, help="The key, or who else."),
    CREATED_AT,
)  # fmt: skip
"""A consent of a number, or a revocation."""


def parse_consents(
    body: object, *, now: datetime, region: str | None = None, of_one: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """Whose consent it is, and the other fields by column. Raises :class:`Invalid` with every fault."""
    kinds: dict[str, Kind] = {"numbers": Numbers(region=region), "givenAt": Past(now)}
    fields = GIVEN if of_one else NEW_CONSENT
    read = read_fields(body, with_kinds(fields, kinds), also=("teamId",))
    given = {"purpose": "", **read, "given_at": read.get("given_at") or now}
    until = given.get("expires_at")
    if until is not None and until <= given["given_at"]:
        raise Invalid([Fault("expiresAt", "It is before the consent was given; give a later one or leave it out.")])
    return given.pop("numbers", []), given


def parse_revocation(body: object, *, now: datetime, region: str | None = None) -> tuple[list[str], dict[str, Any]]:
    """Who revokes, and the other fields by column. Raises :class:`Invalid` with every fault."""
    kinds: dict[str, Kind] = {"numbers": Numbers(region=region), "revokedAt": Past(now)}
    read = read_fields(body, with_kinds(REVOCATION, kinds), also=("teamId",))
    return read.pop("numbers"), read


def parse_opt_out(body: object, *, region: str | None = None) -> dict[str, Any]:
    """The fields of an opt-out, by column; it names a call or a number. Raises :class:`Invalid` with every fault."""
    read = read_fields(body, with_kinds(OPT_OUT, {"number": Number164(region=region)}), also=("teamId",))
    if (read.get("call_id") is None) == (read.get("number") is None):
        raise wrong("callId", "Give callId or number, one of the two.")
    return {"purpose": "", "hang_up": False, **read}
