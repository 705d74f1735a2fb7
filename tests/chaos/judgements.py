"""What must never have happened, read off the carrier's ledger and the journal; our database is not asked.

Each judgement returns a sentence for every violation. Its name is the issue's. What has to be compared with our
tables, or was seen elsewhere, stands in :mod:`tests.chaos.judgements_books`.

A deed counts as committed at ``done_at``, the latest instant it can have been, and as undone from the ``asked_at``
of whatever may have undone it: in doubt nobody is condemned.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytz

from tests.chaos.evidence import (
    CampaignFacts,
    Deed,
    Evidence,
    Window,
    counts,
    disposition_of,
    in_force,
    is_human,
)
from worker.carriers.simulator.ledger import RecordedCall

RESUMING = ("resume", "run")


def i1(e: Evidence) -> list[str]:
    """Live calls per scope never exceed the largest limit in force in the last ``limit_memory`` seconds."""
    found = [f"call {call.call_id} is of no campaign" for call in e.ledger.placed if e.campaign_of(call) is None]
    limits = {scope: limit for team in e.teams for scope, limit in team.limits.items()}
    limits |= {campaign.key: campaign.limit for campaign in e.campaigns}
    live: Counter[str] = Counter()
    edits = {scope: [(d, int(str(d.value))) for d in e.of("limit", subject=scope)] for scope in limits}
    for call, change in e.ledger.changes:
        for scope in _scopes(e, call):
            live[scope] += change
            at = call.placed_at
            if change < 0:
                continue
            most = max(in_force(limits[scope], edits[scope], at - e.patience.limit_memory, at))
            if live[scope] > most:
                found.append(f"{live[scope]} live calls in {scope}, whose limit was {most}, at {at:.3f}")
    return found


def _scopes(e: Evidence, call: RecordedCall) -> Iterator[str]:
    team, campaign = e.team_of(call), e.campaign_of(call)
    if team is not None:
        yield from (team.id, team.account)
        yield from (number_id for number_id, number in team.numbers.items() if number == call.from_number)
    if campaign is not None:
        yield campaign.key


def i2(e: Evidence) -> list[str]:
    """Calls to one contact, or to one number of a team, never overlap."""
    live: dict[tuple[str, str], RecordedCall] = {}
    found = []
    for call, change in e.ledger.changes:
        team, campaign = e.team_of(call), e.campaign_of(call)
        keys = [(team.id if team else "", call.to_number)]
        if campaign is not None:
            keys.append((campaign.team, campaign.phones[call.to_number]))
        for key in keys:
            other = live.get(key)
            if change > 0:
                if other is not None:
                    found.append(f"call {call.call_id} began while {other.call_id} to the same callee lived")
                live[key] = call
            elif other is not None and other.call_id == call.call_id:
                del live[key]
    return list(dict.fromkeys(found))


def i3(e: Evidence) -> list[str]:
    """Every call is placed inside a window that was in force, on the callee's own wall clock."""
    found = []
    for call in e.ledger.placed:
        campaign = e.campaign_of(call)
        if campaign is None:
            continue
        edits = [(d, d.value if isinstance(d.value, tuple) else None) for d in e.of("window", subject=campaign.key)]
        windows = in_force(campaign.window, edits, call.placed_at - e.patience.stop, call.placed_at)
        zones = _zones(e, campaign, call)
        if not any(_is_open(e, call.placed_at, window, zone) for window in windows for zone in zones):
            at = e.clock.business(call.placed_at)
            found.append(f"call {call.call_id} was placed at {at:%H:%M:%S} UTC, outside {windows} in {zones}")
    return found


def _zones(e: Evidence, campaign: CampaignFacts, call: RecordedCall) -> list[str]:
    contact = campaign.phones[call.to_number]
    edits = [(d, str(d.value)) for d in e.of("zone", subject=contact)]
    return in_force(campaign.zones.get(contact, ""), edits, call.placed_at - e.patience.stop, call.placed_at)


def _is_open(e: Evidence, placed_at: float, window: Window | None, own_zone: str) -> bool:
    """By the text of the clock, not by the code under judgement; a moment late is on time for a busy machine."""
    if window is None:
        return True
    start, end, zone = window
    for at in (placed_at, placed_at - e.patience.slack):
        wall = e.clock.business(at).astimezone(pytz.timezone(own_zone or zone)).strftime("%H:%M")
        if (start <= wall < end) if start < end else (wall >= start or wall < end):
            return True
    return False


def i4(e: Evidence) -> list[str]:
    """Nothing is placed later than fence + request after a stop was committed, nothing before its schedule, and no
    schedule starts twice. Stops are a pause, a cancel, do-not-call, and what makes a number wrong or unusable."""
    found = []
    for deed, concerns, undone_by in _stops(e):
        if deed.done_at is None:
            continue
        until = min((d.asked_at for d in undone_by if d.done_at is None or d.done_at > deed.asked_at), default=math.inf)
        for call in e.ledger.placed:
            if deed.done_at + e.patience.stop < call.placed_at < until and concerns(call):
                late = call.placed_at - deed.done_at
                found.append(f"call {call.call_id} was placed {late:.3f} s after {deed.name} of {deed.subject}")
    return found + _unscheduled(e)


def _stops(e: Evidence) -> Iterator[tuple[Deed, Callable[[RecordedCall], bool], Sequence[Deed]]]:
    """Each stop, whom it concerns, and what may have undone it."""

    def of_campaign(key: str) -> Callable[[RecordedCall], bool]:
        return lambda call: (found := e.campaign_of(call)) is not None and found.key == key

    def of_contact(contact: str) -> Callable[[RecordedCall], bool]:
        return lambda call: (found := e.campaign_of(call)) is not None and found.phones[call.to_number] == contact

    for deed in e.of("pause"):
        yield deed, of_campaign(deed.subject), e.of(*RESUMING, subject=deed.subject)
    for deed in e.of("cancel"):
        yield deed, of_campaign(deed.subject), ()
    for deed in e.of("mark"):
        yield deed, of_contact(deed.subject), ()
    for deed in e.of("ban", "renumber"):  # the value is the number that is not to be called any more
        yield deed, lambda call, number=deed.value: call.to_number == number, ()
    for deed in e.of("disable"):
        yield deed, lambda call, number=deed.value: call.from_number == number, e.of("enable", subject=deed.subject)


def _unscheduled(e: Evidence) -> list[str]:
    found = []
    for deed in e.of("schedule"):
        starts_at = float(str(deed.value))
        run_at = min((d.asked_at for d in e.of(*RESUMING, subject=deed.subject)), default=math.inf)
        for call in e.ledger.placed:
            campaign = e.campaign_of(call)
            if campaign is not None and campaign.key == deed.subject and call.placed_at < min(starts_at, run_at):
                found.append(f"call {call.call_id} was placed before its campaign's schedule")
    for key, starts in e.starts.items():
        if starts > len(e.of("schedule", subject=key)):
            found.append(f"the schedule of {key} opened {starts} runs")
    return found


def i5(e: Evidence) -> list[str]:
    """No contact is called more often than its campaign allows."""
    most = {campaign.key: campaign.attempts for campaign in e.campaigns}
    return [
        f"contact {contact} of {key} was called {made} times, of {most[key]}"
        for (key, contact), calls in e.contacts_calls().items()
        if (made := sum(counts(call) for call in calls)) > most[key]
    ]


def i6(e: Evidence) -> list[str]:
    """Between the end of an attempt and the next lies the whole retry delay."""
    delays = {campaign.key: campaign.delays for campaign in e.campaigns}
    found = []
    for (key, contact), calls in e.contacts_calls().items():
        for before, after in itertools.pairwise(calls):
            if before.ended_at is None or not counts(before):
                continue
            minutes = delays[key].get(disposition_of(before), delays[key][""])
            waited = after.placed_at - before.ended_at
            if waited < minutes * 60 / e.clock.speed:
                found.append(f"contact {contact} of {key} was called again after {waited:.3f} s")
    return found


def i7(e: Evidence) -> list[str]:
    """Nobody is called by a campaign after having answered it."""
    found = []
    for (key, contact), calls in e.contacts_calls().items():
        answered = next((n for n, call in enumerate(calls) if is_human(call)), len(calls))
        found += [f"contact {contact} of {key} was called after answering" for _ in calls[answered + 1 :]]
    return found


def i11(e: Evidence) -> list[str]:
    """Over any length of time an account makes no more requests than its rate lets out in it and in the time a
    request may lag behind its turn, and besides what was promised when Redis forgot the rate."""
    found = []
    for team in e.teams:
        if team.calls_per_second is None:
            continue
        cap, lag = team.calls_per_second, e.patience.fence + e.patience.request + e.patience.slack
        own = set(team.numbers.values())
        sent = sorted(at for at, number in _requests(e) if number in own)
        for i, j in itertools.combinations(range(len(sent)), 2):
            length = sent[j] - sent[i]
            lost = sum(sent[i] - lag <= at <= sent[j] for at in e.redis_losses)
            allowed = cap * (length + lag + lost * e.patience.rate_burst) + 1
            if j - i + 1 > allowed:
                found.append(f"{j - i + 1} requests of {team.account} in {length:.3f} s, of {allowed:.1f}")
                break
    return found


def _requests(e: Evidence) -> Iterable[tuple[float, str]]:
    yield from ((call.placed_at, call.from_number) for call in e.ledger.placed)
    yield from ((request.at, request.from_number) for request in e.ledger.not_placed)


def i15(e: Evidence) -> list[str]:
    """A call is asked for once: no second request, whatever became of the first."""
    asked = Counter(call.token for call in e.ledger.placed) + Counter(it.token for it in e.ledger.not_placed)
    return [f"the call of token {token} was asked for {times} times" for token, times in asked.items() if times > 1]


def liveness(e: Evidence, faults: Sequence[float]) -> list[float]:
    """Seconds from each fault to the next call that was placed."""
    placed = sorted(call.placed_at for call in e.ledger.placed)
    nexts = [(at, bisect_left(placed, at)) for at in faults]
    return sorted(placed[n] - at for at, n in nexts if n < len(placed))
