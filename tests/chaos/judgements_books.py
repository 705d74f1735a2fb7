"""What must agree when all is over: our tables with the ledger, the slots with the calls, words with secrecy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.chaos import judgements
from tests.chaos.evidence import Evidence, disposition_of, is_human

NEVER_MADE = ("lost", "not_sent")
FINISHED = ("completed", "cancelled")
DIGITS = re.compile(r"(?<!\d)\d{7,15}(?!\d)")


def i8(e: Evidence) -> list[str]:
    """After the last fault every contact became terminal, or waits for what is yet to come."""
    found = []
    for it in e.left:
        if it.campaign_status in FINISHED and it.status != "calling":
            continue  # a cancelled campaign is swept at leisure; its contacts read as cancelled
        if it.status == "calling" or it.due_at <= e.over_at - e.patience.due:
            found.append(f"contact {it.contact} of {it.campaign} ({it.campaign_status}) is still {it.status}")
    return found


def i9(e: Evidence) -> list[str]:
    """Ledger and calls table agree one to one, and the counters are the ledger's."""
    rows = {row.token: row for row in e.rows}
    made = {call.token: call for call in e.ledger.placed}
    found = []
    for token, call in made.items():
        row = rows.get(token)
        written = row.disposition if row else "nowhere"
        if written != disposition_of(call) and not (written == "lost" and not e.can_search):
            found.append(f"call {call.call_id} ended {disposition_of(call)} and is written down as {written}")
    for row in e.rows:
        if row.token not in made and row.disposition not in NEVER_MADE:
            found.append(f"a call of {row.contact} is written down as {row.disposition} and was never made")
    return found + list(_miscounted(e))


def _miscounted(e: Evidence) -> Iterator[str]:
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


def i10(e: Evidence) -> list[str]:
    """No slot member outlives its call by more than a reconcile and the grace, once no fault keeps that from
    being done. A call whose end nobody told may first have to be asked about."""
    ended = {call.token: call.ended_at for call in e.ledger.placed}
    first_seen: dict[str, float] = {}
    found: dict[str, str] = {}
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
    return list(found.values())


def i12(e: Evidence) -> list[str]:
    """Every callback that was answered 2xx took effect: it is in the inbox, settled, and an end has ended."""
    ended = {row.token for row in e.rows if row.disposition is not None}
    found = []
    for acked in e.acked:
        if (acked.token, acked.event_id) not in e.inbox:
            found.append(f"event {acked.event_id} was acknowledged and is lost")
        elif acked.ends and acked.token not in ended:
            found.append(f"event {acked.event_id} told an end that never came")
    return found


def i13(e: Evidence) -> list[str]:
    """No phone number stands in a log or a message."""
    numbers = {phone for campaign in e.campaigns for phone in campaign.phones}
    numbers |= {number for team in e.teams for number in team.numbers.values()}
    if not numbers:
        return []
    digits = {number.lstrip("+") for number in numbers}
    found = []
    for where, what in e.said:
        for match in DIGITS.finditer(what):
            if match[0] in digits:
                said = what[max(0, match.start() - 60) : match.end() + 20].replace("\n", " ")
                found.append(f"{where} names a number: {said}")
    return found


def i14(e: Evidence) -> list[str]:
    """Nothing lives that we gave up."""
    return [f"late evidence: {it}" for it in e.late] + [
        f"call {call.call_id} goes on, and nobody waits for it" for call in e.ledger.live()
    ]


JUDGEMENTS: Mapping[str, Callable[[Evidence], list[str]]] = {
    "I1": judgements.i1, "I2": judgements.i2, "I3": judgements.i3, "I4": judgements.i4, "I5": judgements.i5,
    "I6": judgements.i6, "I7": judgements.i7, "I8": i8, "I9": i9, "I10": i10, "I11": judgements.i11, "I12": i12,
    "I13": i13, "I14": i14, "I15": judgements.i15,
}  # fmt: skip


def judge(e: Evidence) -> dict[str, list[str]]:
    """Judgement → its violations; empty where it has none."""
    return {name: condemns(e) for name, condemns in JUDGEMENTS.items()}
