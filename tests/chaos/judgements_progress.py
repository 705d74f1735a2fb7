"""Whether what hangs stops nobody else: shares within one trial, so that a slow machine is as slow in both halves.

Each judgement goes through its occasions: ``None`` for one that was well, a sentence for one that was not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Findings = Iterator[str | None]

END_SECONDS = 30.0
"""How long a process may take to end after SIGTERM, whatever hangs."""
LEAST_BEFORE = 4
"""Calls of the healthy account before the other hangs, below which there is nothing to compare."""
LEAST_SHARE = 0.35
"""Of its pace before, what a healthy account must keep while another hangs."""
MOST_REQUESTS = 5
WITHIN_SECONDS = 8.0
"""A hang-up is requested at most so often in any such time: after no, one, two and four seconds, and once more by a
worker that died before it could write down its request."""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """One request to end a call, as the carrier has it; ``took_effect`` unless it was refused or not answered."""

    call_id: str
    at: float
    took_effect: bool


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """How many calls a healthy account placed in so many seconds before another one hung, and while it did."""

    healthy: str
    hanging: str
    before: int
    before_seconds: float
    meanwhile: int
    meanwhile_seconds: float
    most_at_once: int = 0
    """Requests to place a call that hung at the same time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What was seen of it in a trial."""

    end_requests: Sequence[EndRequest] = ()
    ended: Sequence[tuple[str, float]] = ()
    """Processes that got SIGTERM, and the seconds they took to end; those that were stopped meanwhile are not here."""
    bulkheads: Sequence[Bulkhead] = ()
    resumed: Sequence[tuple[str, float | None]] = field(default=())
    """Accounts that had something to do when nothing befell them any more, and the seconds until their next call."""
    senders: int = 0
    """How many requests to place calls an account may have under way, in all workers together."""
    allowed_seconds: float = 25.0
    """For :attr:`resumed`: as long as calls in doubt may hold what the next ones need, and a back-off may last."""
    unhealed: Sequence[str] = ()


def hanging_account_is_isolated(p: Progress) -> Findings:
    """An account that hangs delays only its own calls."""
    for it in p.bulkheads:
        if it.before < LEAST_BEFORE:
            continue
        pace, kept = it.before / it.before_seconds, it.meanwhile / it.meanwhile_seconds
        said = f"{it.healthy} went from {pace:.1f} to {kept:.1f} calls a second while {it.hanging} hung"
        yield said if kept < LEAST_SHARE * pace else None


def no_more_than_senders(p: Progress) -> Findings:
    """No more calls of an account are committed than it has senders free."""
    for it in p.bulkheads:
        if it.most_at_once:
            said = f"{it.most_at_once} requests of {it.hanging} hung at once, of {p.senders}"
            yield said if it.most_at_once > p.senders else None


def hang_ups_back_off(p: Progress) -> Findings:
    """A call whose hang-up fails is not hung up again and again."""
    requests: dict[str, list[float]] = defaultdict(list)
    for it in p.end_requests:
        if not it.took_effect:
            requests[it.call_id].append(it.at)
    for call_id, times in requests.items():
        times.sort()
        most = max(sum(at <= other <= at + WITHIN_SECONDS for other in times) for at in times)
        said = f"call {call_id} was hung up {most} times in {WITHIN_SECONDS:g} s, of {MOST_REQUESTS}"
        yield said if most > MOST_REQUESTS else None


def ends_on_sigterm(p: Progress) -> Findings:
    """A process that gets SIGTERM ends in time."""
    for name, seconds in p.ended:
        yield f"{name} took {seconds:.1f} s to end, of {END_SECONDS:g}" if seconds > END_SECONDS else None


def calls_resume(p: Progress) -> Findings:
    """Where there is something to do and nothing is broken, calls are placed again."""
    yield from p.unhealed
    for account, seconds in p.resumed:
        said = f"{account} placed nothing for {p.allowed_seconds:g} s after the healing"
        yield None if seconds is not None and seconds <= p.allowed_seconds else said
