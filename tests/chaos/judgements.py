"""What must never have happened, read off the carrier's ledger and the journal; our database is not read.

Each judgement goes through its *occasions*: the times at which what it judges could have been violated. For each it
yields a sentence that says how it was, or ``None`` where it was not. One that had no occasion proves nothing. What has
to be compared with our tables, or was seen elsewhere, stands in :mod:`tests.chaos.judgements_books`, and what was
committed in :mod:`tests.chaos.judgements_commits`.

A deed counts as committed at ``done_at``, the latest instant it can have been, and as undone from the ``requested_at``
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
    UNKNOWN_CAMPAIGN,
    CampaignFacts,
    Deed,
    Evidence,
    Window,
    asked_by,
    counts,
    disposition_of,
    in_force,
    is_human,
)
from tests.chaos.plan import WHERE
from worker.simulator.ledger import RecordedCall

RESUMING = ("resume", "run")


Findings = Iterator[str | None]


def calls_within_limits(e: Evidence) -> Findings:
    """Live calls per scope never exceed the largest limit in force in the last ``limit_memory`` seconds. An occasion
    is a call with which a scope was full."""
    yield from (f"call {call.call_id} is of no campaign" for call in e.ledger.placed if e.campaign_of(call) is None)
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
                yield f"{live[scope]} live calls in {scope}, whose limit was {most}, at {at:.3f}"
            elif live[scope] == most:
                yield None


def _scopes(e: Evidence, call: RecordedCall) -> Iterator[str]:
    team, campaign = e.team_of(call), e.campaign_of(call)
    if team is not None:
        yield from (team.id, team.account)
        yield from (number_id for number_id, number in team.numbers.items() if number == call.from_number)
    if campaign is not None:
        yield campaign.key


def one_call_to_a_callee(e: Evidence) -> Findings:
    """Calls to one contact, or to one number of a team, never overlap. An occasion is a call to somebody who was
    called before."""
    latest: dict[tuple[str, str], RecordedCall] = {}
    ended: set[str] = set()
    for call, change in e.ledger.changes:
        if change < 0:
            ended.add(call.call_id)
            continue
        team, campaign = e.team_of(call), e.campaign_of(call)
        keys = [(team.id if team else "", call.to_number)]
        if campaign is not None:
            keys.append((campaign.team, campaign.phones[call.to_number]))
        others = {other.call_id: other for key in keys if (other := latest.get(key)) is not None}
        live = [call_id for call_id in others if call_id not in ended]
        yield from (f"call {call.call_id} began while {call_id} to the same callee lived" for call_id in live)
        if others and not live:
            yield None
        latest |= dict.fromkeys(keys, call)


def calls_inside_windows(e: Evidence) -> Findings:
    """Every call is placed inside a window that was in force, on the callee's own wall clock. An occasion is a call
    of a campaign that had one."""
    for call in e.ledger.placed:
        campaign = e.campaign_of(call)
        if campaign is None:
            continue
        edits = [(d, d.value if isinstance(d.value, tuple) else None) for d in e.of("window", subject=campaign.key)]
        windows = in_force(campaign.window, edits, call.placed_at - e.patience.stop, call.placed_at)
        zones = _zones(e, campaign, call)
        if not any(_is_open(e, call.placed_at, window, zone) for window in windows for zone in zones):
            at = e.clock.business(call.placed_at)
            yield f"call {call.call_id} was placed at {at:%H:%M:%S} UTC, outside {windows} in {zones}"
        elif None not in windows:
            yield None


def _zones(e: Evidence, campaign: CampaignFacts, call: RecordedCall) -> list[str]:
    if campaign.purpose is not None:
        return [WHERE]  # by the clock of the number, whatever zone is stated beside it
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


def stops_reach_the_carrier(e: Evidence) -> Findings:
    """Nothing is placed later than fence + request after a stop was committed, nothing before its schedule, and no
    schedule starts twice. Stops are a pause, a cancel, do-not-call, and what makes a number wrong or unusable. An
    occasion is a stop that lasted longer than that, or a schedule."""
    for deed, concerns, undone_by in _stops(e):
        if deed.done_at is None:
            continue
        until = min(
            (d.requested_at for d in undone_by if d.done_at is None or d.done_at > deed.requested_at), default=math.inf
        )
        since = deed.done_at + e.patience.stop
        late = [call for call in e.ledger.placed if since < call.placed_at < until and concerns(call)]
        for call in late:
            after = call.placed_at - deed.done_at
            yield f"call {call.call_id} was placed {after:.3f} s after {deed.name} of {deed.subject}"
        if until > since and not late:
            yield None
    yield from _unscheduled(e)


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
    numbers = {team.account: set(team.numbers.values()) for team in e.teams}
    for deed in e.of("disable account"):
        own, enabled = numbers.get(deed.subject, set()), e.of("enable account", subject=deed.subject)
        yield deed, lambda call, own=own: call.from_number in own, enabled


def _unscheduled(e: Evidence) -> Findings:
    for deed in e.of("schedule"):
        starts_at = float(str(deed.value))
        run_at = min((d.requested_at for d in e.of(*RESUMING, subject=deed.subject)), default=math.inf)
        early = [call for call in e.ledger.placed if call.placed_at < min(starts_at, run_at)]
        early = [call for call in early if (it := e.campaign_of(call)) is not None and it.key == deed.subject]
        yield from (f"call {call.call_id} was placed before its campaign's schedule" for call in early)
        if not early:
            yield None
    for key, starts in e.starts.items():
        if key == UNKNOWN_CAMPAIGN:  # its creation was in doubt and tried again; it has nobody to call
            continue
        yield f"the schedule of {key} opened {starts} runs" if starts > len(e.of("schedule", subject=key)) else None


def calls_within_attempts(e: Evidence) -> Findings:
    """No contact is called more often than its campaign allows; once more, if it asked to be called back. An occasion
    is a contact called as often."""
    most = {campaign.key: campaign.attempts for campaign in e.campaigns}
    for (key, contact), calls in e.contacts_calls().items():
        made = sum(counts(call) for call in calls)
        allowed = most[key] + bool(e.of("call back", subject=asked_by(key, contact)))
        if made > allowed:
            yield f"contact {contact} of {key} was called {made} times, of {allowed}"
        elif made == allowed:
            yield None


def calls_within_caps(e: Evidence) -> Findings:
    """No number of a team is called more often than its caps allow, whatever campaign calls. A ring trails its commit,
    and what was cancelled may have been taken for one that did not ring. An occasion is a call that used a cap up."""
    for team in e.teams:
        called: dict[str, list[float]] = {}
        for call in e.ledger.placed:
            is_one = not call.extra and call.disposition != "canceled" and call.placed_at < e.healed_at
            if is_one and e.team_of(call) is team:
                called.setdefault(call.to_number, []).append(call.placed_at)
        for number, (most, hours) in itertools.product(called, team.caps):
            period = hours * 3600 / e.clock.speed
            instants = sorted(called[number])
            for n in range(most - 1, len(instants)):
                apart = math.inf if n < most else instants[n] - instants[n - most]
                if apart < period - e.patience.stop:
                    yield f"a call to {number} came {apart:.1f} s after the {most}th before it, not {period:.1f} s"
                else:
                    yield None


def called_back_in_time(e: Evidence) -> Findings:
    """Who has asked to be called at an instant is not called before it, unless he asks anew or takes it back. An
    occasion is a call that came from then on."""
    calls = e.contacts_calls()
    subjects = {asked_by(*each): each for each in calls}
    for deed in e.of("call back"):
        if deed.done_at is None or deed.subject not in subjects:
            continue
        others = [other for other in e.of("call back", "take back", subject=deed.subject) if other is not deed]
        if any(
            other.requested_at <= deed.done_at and (other.done_at or math.inf) >= deed.requested_at for other in others
        ):
            continue  # which of them came last, nobody knows
        undone_at = min((other.requested_at for other in others if other.requested_at > deed.done_at), default=math.inf)
        at, since = float(str(deed.value)), deed.done_at + e.patience.stop
        made = [call.placed_at for call in calls[subjects[deed.subject]] if since < call.placed_at < undone_at]
        yield from (
            f"{deed.subject} was called {at - each:.3f} s before the instant asked for" for each in made if each < at
        )
        if any(each >= at for each in made):
            yield None


def _may_be_called_back(e: Evidence, key: str, contact: str, call: RecordedCall) -> bool:
    return any(deed.requested_at <= call.placed_at for deed in e.of("call back", subject=asked_by(key, contact)))


def retries_wait(e: Evidence) -> Findings:
    """Between the end of an attempt and the next lies the whole retry delay. An occasion is a retry that had to
    wait."""
    delays = {campaign.key: campaign.delays for campaign in e.campaigns}
    for (key, contact), calls in e.contacts_calls().items():
        for before, after in itertools.pairwise(calls):
            if before.ended_at is None or not counts(before) or _may_be_called_back(e, key, contact, after):
                continue
            minutes = delays[key].get(disposition_of(before), delays[key][""])
            waited = after.placed_at - before.ended_at
            if waited < minutes * 60 / e.clock.speed:
                yield f"contact {contact} of {key} was called again after {waited:.3f} s"
            elif minutes > 0:
                yield None


def answered_is_done(e: Evidence) -> Findings:
    """Nobody is called by a campaign after having answered it. An occasion is a contact who answered with attempts
    left."""
    most = {campaign.key: campaign.attempts for campaign in e.campaigns}
    for (key, contact), calls in e.contacts_calls().items():
        answered = next((n for n, call in enumerate(calls) if is_human(call)), len(calls))
        again = [call for call in calls[answered + 1 :] if not _may_be_called_back(e, key, contact, call)]
        yield from (f"contact {contact} of {key} was called after answering" for _ in again)
        if answered < len(calls) and answered + 1 < most[key] and not again:
            yield None


def requests_within_rate(e: Evidence) -> Findings:
    """Over any length of time an account makes no more requests than its rate lets out in it and in the time a
    request may lag behind its turn, and besides what was promised when Redis forgot the rate. An occasion is a request
    that came as soon after the one before as the rate allows, or within twice that time."""
    for team in e.teams:
        if team.calls_per_second is None:
            continue
        cap, lag = team.calls_per_second, e.patience.fence + e.patience.request + e.patience.slack
        own = set(team.numbers.values())
        sent = sorted(at for at, number in _requests(e) if number in own)
        yield from (None for before, after in itertools.pairwise(sent) if after - before < 2 / cap)
        for i, j in itertools.combinations(range(len(sent)), 2):
            length = sent[j] - sent[i]
            lost = sum(sent[i] - lag <= at <= sent[j] for at in e.redis_losses)
            allowed = cap * (length + lag + lost * e.patience.rate_burst) + 1
            if j - i + 1 > allowed:
                yield f"{j - i + 1} requests of {team.account} in {length:.3f} s, of {allowed:.1f}"
                break


def _requests(e: Evidence) -> Iterable[tuple[float, str]]:
    yield from ((call.placed_at, call.from_number) for call in e.ledger.placed)
    yield from ((request.at, request.from_number) for request in e.ledger.not_placed)


def requested_once(e: Evidence) -> Findings:
    """A call is requested once: no second request, whatever became of the first. An occasion is a request that was
    answered with a failure, or whose call's end was not reported."""
    requests = Counter(call.token for call in e.ledger.placed) + Counter(it.token for it in e.ledger.not_placed)
    reported = {acked.token for acked in e.acked if acked.ends}
    for token, times in requests.items():
        if times > 1:
            yield f"the call of token {token} was requested {times} times"
        elif token not in reported:
            yield None


def liveness(e: Evidence, faults: Sequence[float]) -> list[float]:
    """Seconds from each fault to the next call that was placed."""
    placed = sorted(call.placed_at for call in e.ledger.placed)
    nexts = [(at, bisect_left(placed, at)) for at in faults]
    return sorted(placed[n] - at for at, n in nexts if n < len(placed))
