"""What happens to a call: scripted per number, or drawn from odds. Pure: no clock, no IO, no shared state.

A life depends on the seed, the number called, and how many times this number was asked for before, and on
nothing else: neither timing nor the order of threads changes it, so a run that went wrong can be run again.

How lives are written down stands in :mod:`.script`. Seconds of ringing and talking are the callee's time:
speed divides them, and the request's limits cap them. Queueing and everything that comes late is machine time
and passes as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import assert_never

from worker.carriers.simulated.protocol import MACHINES, SIP_CODE, AnsweredBy, Happening, Status

VERDICT_AFTER_SECONDS = 2.0
LATE_VERDICT_AFTER_SECONDS = 1.0


class Callbacks(StrEnum):
    """How the receiver gets to know; ``before_answer`` outruns the answer to the request."""

    ONCE = "once"
    TWICE = "twice"
    REVERSED = "reversed"
    NONE = "none"
    LATE = "late"
    BEFORE_ANSWER = "before_answer"


class Reply(StrEnum):
    """How the request is answered once the call is placed."""

    NORMAL = "201"
    ERROR = "then_5xx"
    TIMEOUT = "then_timeout"
    RESET = "then_reset"
    NO_ID = "then_no_id"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The call is not placed. ``code`` is a word of ours, which each protocol says in its own, or a code that every
    protocol passes on as it is; empty where only the HTTP status speaks."""

    status: int
    code: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """Everything that will happen to one call. ``ending`` is ``completed`` for one that is answered."""

    ring_seconds: float = 5.0
    talk_seconds: float = 20.0
    ending: Status = Status.COMPLETED
    sip_code: int | None = None
    sip_reason: str | None = None
    answered_by: AnsweredBy = AnsweredBy.HUMAN
    verdict_is_late: bool = False
    callbacks: Callbacks = Callbacks.ONCE
    callbacks_late_seconds: float = 0.0
    reply: Reply = Reply.NORMAL
    reply_status: int = 500
    reply_late_seconds: float = 0.0
    refusal: Refusal | None = None
    queue_seconds: float = 0.0
    extra_calls: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a call, ``after_seconds`` of real time from its beginning."""

    after_seconds: float
    happening: Happening
    status: Status
    answered_by: AnsweredBy | None = None
    sip_code: int | None = None
    sip_reason: str | None = None


def timeline(
    life: Life,
    ring_limit: float,
    talk_limit: float,
    speed: float,
    reports: frozenset[AnsweredBy] = MACHINES,
) -> tuple[Step, ...]:
    """The steps of a life within the limits of its request, as they follow each other; one of them is the end.
    ``reports`` says of whom the carrier reports, by a step of its own, that they answered."""
    ring = min(life.ring_seconds, ring_limit)
    unanswered = life.ring_seconds >= ring_limit
    at = life.queue_seconds
    steps = [Step(at, Happening.RINGING, Status.RINGING)] if ring > 0 else []
    at += ring / speed
    if life.ending is not Status.COMPLETED or unanswered:
        ending = Status.NO_ANSWER if unanswered else life.ending
        sip_code = SIP_CODE[ending] if unanswered else _sip_code(life)
        return (*steps, Step(at, Happening.ENDED, ending, None, sip_code, None if unanswered else life.sip_reason))
    talk = min(life.talk_seconds, talk_limit)
    who, is_reported = life.answered_by, life.answered_by in reports
    steps.append(Step(at, Happening.ANSWERED, Status.IN_PROGRESS))
    if is_reported and not life.verdict_is_late:
        verdict_at = at + min(VERDICT_AFTER_SECONDS, talk) / speed
        steps.append(Step(verdict_at, Happening.MACHINE, Status.IN_PROGRESS, who))
    at += talk / speed
    known = None if life.verdict_is_late else who
    steps.append(Step(at, Happening.ENDED, Status.COMPLETED, known, _sip_code(life)))
    if is_reported and life.verdict_is_late:
        steps.append(Step(at + LATE_VERDICT_AFTER_SECONDS, Happening.MACHINE, Status.COMPLETED, who))
    return tuple(steps)


def _sip_code(life: Life) -> int:
    return SIP_CODE[life.ending] if life.sip_code is None else life.sip_code


class Fate(StrEnum):
    """What the odds are over."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    MACHINE = "machine"
    FAX = "fax"
    FAILED = "failed"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"


DEMO_ODDS: Mapping[Fate | Life, float] = {
    Fate.ANSWERED: 55,
    Fate.NO_ANSWER: 20,
    Fate.BUSY: 10,
    Fate.MACHINE: 10,
    Fate.FAILED: 3,
    Fate.REJECTED: 2,
}


@dataclass(frozen=True, slots=True)
class Book:
    """All lives there are: the script first, else drawn from ``odds``, where a whole life may stand for a fate.
    ``nasty`` is the share of drawn lives
    that meet a technical mishap: doubled, lost or reversed callbacks, or a 500 for a call that was placed."""

    seed: int
    odds: Mapping[Fate | Life, float] = field(default_factory=lambda: DEMO_ODDS)
    nasty: float = 0.0
    script: Mapping[str, tuple[Life, ...]] = field(default_factory=dict)

    def life(self, number: str, attempt: int) -> Life:
        """The life of the ``attempt``-th call (from 1) to ``number``."""
        scripted = self.script.get(number) or self.script.get("*")
        if scripted:
            return scripted[min(attempt, len(scripted)) - 1]
        return self._mishap(self._drawn(Random(f"{self.seed}:{number}:{attempt}")), number, attempt)

    def _drawn(self, dice: Random) -> Life:
        fate = dice.choices(tuple(self.odds), weights=tuple(self.odds.values()))[0]
        ring, talk = dice.uniform(2, 20), dice.uniform(5, 90)
        match fate:
            case Life():
                return fate
            case Fate.ANSWERED:
                return Life(ring, talk)
            case Fate.MACHINE | Fate.FAX:
                return Life(ring, talk, answered_by=AnsweredBy(fate))
            case Fate.NO_ANSWER:
                return Life(math.inf, ending=Status.NO_ANSWER)
            case Fate.BUSY:
                return Life(ring / 10, ending=Status.BUSY)
            case Fate.REJECTED:
                return Life(ring, ending=Status.DECLINED)
            case Fate.FAILED:
                return Life(ring / 10, ending=Status.FAILED)
            case Fate.INVALID_NUMBER:
                return Life(0, ending=Status.FAILED, sip_code=404)
            case _:
                assert_never(fate)

    def _mishap(self, life: Life, number: str, attempt: int) -> Life:
        """Dice of its own, so that switching mishaps on leaves every other draw as it was."""
        dice = Random(f"{self.seed}:{number}:{attempt}:nasty")
        if dice.random() >= self.nasty:
            return life
        mishap = dice.choice((Callbacks.TWICE, Callbacks.NONE, Callbacks.REVERSED, Reply.ERROR))
        if isinstance(mishap, Reply):
            return replace(life, reply=mishap)
        return replace(life, callbacks=mishap)
