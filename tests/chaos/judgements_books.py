"""What must agree when all is over: our tables with the ledger, the slots with the calls, words with secrecy.

Each goes through its occasions, as those of :mod:`tests.chaos.judgements` do.
"""

from __future__ import annotations

import re
from collections import Counter

from tests.chaos.evidence import Evidence, disposition_of, is_human
from tests.chaos.judgements import Findings

NEVER_MADE = ("lost", "not_sent")
FINISHED = ("completed", "cancelled")
SOME_DIGITS = re.compile(r"\d\d")
DIGITS = re.compile(r"(?<!\d)\d{7,15}(?!\d)")


def contacts_finish(e: Evidence) -> Findings:
    """After the last fault every contact became terminal, or waits for what is yet to come. An occasion is a contact
    who was called, or is not terminal."""
    left = {(it.campaign, it.contact): it for it in e.left}
    for key in dict.fromkeys([*left, *((row.campaign, row.contact) for row in e.rows)]):
        it = left.get(key)
        if it is None or (it.campaign_status in FINISHED and it.status != "calling"):
            yield None  # a cancelled campaign is swept at leisure; its contacts read as cancelled
        elif it.status == "calling" or it.due_at <= e.over_at - e.patience.due:
            yield f"contact {it.contact} of {it.campaign} ({it.campaign_status}) is still {it.status}"
        else:
            yield None


def records_match_carrier(e: Evidence) -> Findings:
    """Ledger and calls table agree one to one, and the counters are the ledger's. An occasion is a call in either, and
    a counter that is not zero."""
    rows = {row.token: row for row in e.rows}
    made = {call.token: call for call in e.ledger.placed}
    for token, call in made.items():
        row = rows.get(token)
        written = row.disposition if row else "nowhere"
        agrees = written == disposition_of(call) or (written == "lost" and not e.can_search)
        yield None if agrees else f"call {call.call_id} ended {disposition_of(call)} and is written down as {written}"
    for row in e.rows:
        if row.token not in made:
            is_so = row.disposition in NEVER_MADE
            yield None if is_so else f"a call of {row.contact} is written down as {row.disposition} and was never made"
    yield from _miscounted(e)


def _miscounted(e: Evidence) -> Findings:
    lost = [(row.campaign, row.contact) for row in e.rows if row.disposition == "lost"]
    for campaign in e.campaigns:
        said = e.counters.get(campaign.key)
        if said is None:
            continue
        calls = {contact: c for (key, contact), c in e.contacts_calls().items() if key == campaign.key}
        called = calls.keys() | {contact for key, contact in lost if key == campaign.key}
        answered = {contact for contact, made in calls.items() if any(is_human(call) for call in made)}
        ended = Counter(f"calls {row.disposition}" for row in e.rows if row.campaign == campaign.key)
        truth = {"called": len(called), "answered": len(answered), **ended}
        for name in truth.keys() | said.keys():
            if truth.get(name, 0) != said.get(name, 0):
                yield f"{campaign.key} counts {said.get(name, 0)} {name}, of {truth.get(name, 0)}"
            elif truth.get(name, 0):
                yield None


def slots_are_released(e: Evidence) -> Findings:
    """No slot member outlives its call by more than a reconcile and the grace, once no fault keeps that from
    being done. A call whose end was not reported may first have to be looked up. An occasion is a member that was made
    up, or seen when no fault was left and whose call has ended."""
    ended = {call.token: call.ended_at for call in e.ledger.placed}
    first_seen: dict[str, float] = {}
    found: dict[str, str | None] = dict.fromkeys(e.ghosts)
    for held in sorted(e.held, key=lambda held: held.at):
        first_seen.setdefault(held.call_id, held.at)
        begun = e.ghosts.get(held.call_id, first_seen[held.call_id])
        if held.token is not None:
            ended_at = ended.get(held.token, begun)
            if ended_at is None:
                continue
            begun = ended_at + e.patience.learn
        if held.at > max(begun, e.healed_at) + e.patience.slots:
            found[held.call_id] = f"{held.call_id} holds a slot {held.at - begun:.1f} s after its end"
        found.setdefault(held.call_id, None)
    yield from found.values()


def acknowledged_events_take_effect(e: Evidence) -> Findings:
    """Every callback that was answered 2xx took effect: it is in the inbox, settled, and an end has ended. Each is an
    occasion."""
    ended = {row.token for row in e.rows if row.disposition is not None}
    for acked in e.acked:
        if (acked.token, acked.event_id) not in e.inbox:
            yield f"event {acked.event_id} was acknowledged and is lost"
        elif acked.ends and acked.token not in ended:
            yield f"event {acked.event_id} reported an end that was not recorded"
        else:
            yield None


def acknowledged_reports_are_kept(e: Evidence) -> Findings:
    """Every report of an assistant that was acknowledged is there when all is over. Each is an occasion. (That who is
    reported not to want to be called is called no more is judged as every do-not-call is.)"""
    for deed in e.of("report"):
        if deed.done_at is not None:
            is_kept = (deed.subject, str(deed.value)) in e.reports
            yield None if is_kept else f"report {deed.value} on call {deed.subject} was acknowledged and is lost"


def numbers_stay_secret(e: Evidence) -> Findings:
    """No phone number stands in a log or a message. An occasion is one of them in which digits stand that are as many
    as a number's last ones, or more."""
    numbers = {phone for campaign in e.campaigns for phone in campaign.phones}
    numbers |= {number for team in e.teams for number in team.numbers.values()}
    digits = {number.lstrip("+") for number in numbers}
    for where, what in e.said:
        found = [match for match in DIGITS.finditer(what) if match[0] in digits]
        for match in found:
            said = what[max(0, match.start() - 60) : match.end() + 20].replace("\n", " ")
            yield f"{where} names a number: {said}"
        if not found and numbers and SOME_DIGITS.search(what):
            yield None


def closed_calls_are_over(e: Evidence) -> Findings:
    """Nothing lives that we gave up. An occasion is a call we closed whose end its carrier had not reported."""
    yield from (f"late evidence: {it}" for it in e.late)
    live = {call.token: call for call in e.ledger.live()}
    yield from (f"call {call.call_id} goes on, and nobody waits for it" for call in live.values())
    reported = {acked.token for acked in e.acked if acked.ends}
    made = {call.token for call in e.ledger.placed} - reported - live.keys()
    yield from (None for row in e.rows if row.token in made and row.disposition is not None)
