"""What came of a conversation, in the words of the assistant, and what each of them means for the contact.

A campaign's ``outcomes`` map its words: ``"done"`` is reached, ``{"retryAfterMinutes": n}`` calls again while attempts
are left, ``"never"`` gives the contact up. Where a campaign has them, whoever answered waits for the word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Any

from worker.domain.callback import callback_instant
from worker.domain.errors import every
from worker.domain.fields import Field, read_fields, unknown, wrong
from worker.domain.kinds import Flag, Freeform, Instant, Text, Url
from worker.domain.retry import DELAY_MINUTES

MOST_WORDS = 50
LONGEST_WORD = 50
LONGEST_SUMMARY = 4000
MOST_DATA_BYTES = 16_384
RETRY_AFTER = "retryAfterMinutes"
_WORD = re.compile(rf"[a-z][a-z0-9_-]{{0,{LONGEST_WORD - 1}}}")


class Then(StrEnum):
    """What an outcome means for the contact."""

    DONE = "done"
    RETRY = "retry"
    NEVER = "never"


class Effect(StrEnum):
    """What a report does."""

    AT_END = "decides_at_end"  # the call is not over: the last word said by then decides
    NOW = "decides"  # the contact waited for it
    ANNOTATES = "annotates"  # it is decided already, or nobody waits for a word


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word means; ``retry_minutes`` is set exactly for a retry."""

    then: Then
    retry_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Outcomes(Freeform):
    """The ``outcomes`` of a campaign: what its assistant's words mean."""

    def __call__(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not 1 <= len(value) <= MOST_WORDS:
            example = '{"interested": "done", "busy_now": {"retryAfterMinutes": 120}, "wrong_person": "never"}'
            raise wrong(path, f"Give an object of 1 to {MOST_WORDS} words, such as {example}.")
        every(partial(_check, word, meaning, f"{path}.{word[:LONGEST_WORD]}") for word, meaning in value.items())
        return value


def _check(word: str, meaning: object, path: str) -> None:
    if not _WORD.fullmatch(word):
        raise wrong(path, f"Give a word of 1 to {LONGEST_WORD} small letters, digits, _ and -, a letter first.")
    if isinstance(meaning, Mapping):
        if set(meaning) != {RETRY_AFTER}:
            raise wrong(path, f'Give {{"{RETRY_AFTER}": minutes}} and nothing else.')
        DELAY_MINUTES(meaning[RETRY_AFTER], f"{path}.{RETRY_AFTER}")
    elif meaning not in (Then.DONE, Then.NEVER):
        raise wrong(path, f'Give "{Then.DONE}", "{Then.NEVER}" or {{"{RETRY_AFTER}": minutes}}.')


def meaning_of(outcomes: Mapping[str, Any], word: str) -> Meaning:
    """What one of the campaign's words means. Raises :class:`~worker.domain.errors.Invalid` for another, naming those
    that are known."""
    if word not in outcomes:
        raise wrong("outcome", unknown("outcome", word, tuple(outcomes)))
    meaning = outcomes[word]
    if isinstance(meaning, Mapping):
        return Meaning(Then.RETRY, meaning[RETRY_AFTER])
    return Meaning(Then(meaning))


@dataclass(frozen=True, slots=True)
class _Moment(Instant):
    """An instant in ISO 8601 with an offset."""

    def __call__(self, value: object, path: str) -> datetime:
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
            if at is not None and at.utcoffset() is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise wrong(path, "Give an ISO 8601 date and time with an offset, such as 2027-03-01T17:00:00-05:00.")


@dataclass(frozen=True, slots=True)
class _Data(Freeform):
    """What the assistant has noted, a small object."""

    def __call__(self, value: object, path: str) -> Mapping[str, Any]:
        data = super(_Data, self).__call__(value, path)
        if len(json.dumps(data, ensure_ascii=False).encode()) > MOST_DATA_BYTES:
            raise wrong(path, f"Give an object of at most {MOST_DATA_BYTES} bytes as JSON.")
        return data


def report_fields(now: datetime, zone: str | None = None) -> tuple[Field, ...]:
    """The fields of a report, where business time is ``now`` and the callee's clock is that of ``zone``."""
    return (
        Field("outcome", Text(LONGEST_WORD, 1), required=True, example="interested",
              help="A word of the campaign's `outcomes`."),
        Field("summary", Text(LONGEST_SUMMARY), help="What was said, in short.", example="Wants an offer by mail."),
        Field("callbackAt", callback_instant(now, zone), example="2027-03-01T17:00:00-05:00",
              help="When the callee wants to be called again: a future instant, at most 60 days ahead; without an "
              "offset by the callee's clock."),
        Field("doNotCall", Flag(), nullable=False, default=False, example=False,
              help="True: the callee is never to be called again, by no campaign; it binds at once."),
        Field("data", _Data(), help="What the assistant has noted.", example={"seats": 12}),
        Field("transcriptUrl", Url(), help="Where the transcript is.", example="https://example.com/t/1"),
        Field("recordingUrl", Url(), help="Where the recording is.", example="https://example.com/r/1"),
        Field("spokeAt", _Moment(), help="When the assistant said its first words.", example="2027-03-01T16:20:05Z"),
    )  # fmt: skip


REPORT_FIELDS = report_fields(datetime(2000, 1, 1, tzinfo=UTC))
"""The same, for whoever only shows them."""


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """A report on a call. ``digest`` is that of what was sent: the same report again has the same."""

    digest: str
    outcome: str
    summary: str | None = None
    callback_at: datetime | None = None
    do_not_call: bool = False
    data: Mapping[str, Any] | None = None
    transcript_url: str | None = None
    recording_url: str | None = None
    spoke_at: datetime | None = None


def digest_of(body: Mapping[str, Any]) -> str:
    """What is the same for the same body, however it is written."""
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def parse_report(body: Mapping[str, Any], now: datetime, zone: str | None = None) -> OutcomeReport:
    """A report as it was sent, by the callee's clock. Raises :class:`~worker.domain.errors.Invalid` with every
    fault."""
    return OutcomeReport(digest_of(body), **read_fields(body, report_fields(now, zone)))
