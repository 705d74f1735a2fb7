"""Every judgement condemns a ledger that shows its crime, and acquits one that does not. All are written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.evidence import (
    Acked,
    CampaignFacts,
    Clock,
    Deed,
    Evidence,
    Held,
    Left,
    Patience,
    Row,
    TeamFacts,
    disposition_of,
    in_force,
)
from tests.chaos.judgements import liveness
from tests.chaos.judgements_commits import GATES
from tests.chaos.verdict import JUDGEMENTS, Judgement, judge
from worker.simulator.ledger import Ledger, NotPlaced, RecordedCall
from worker.store.invariants import BY_NAME as INVARIANTS

ADA, BOB, CALLER, OTHER_CALLER = "+13032000001", "+13032000002", "+17205550001", "+17205550002"

TEAM = TeamFacts(
    "team", "account", {"pn_1": CALLER, "pn_2": OTHER_CALLER}, {"team": 2, "account": 9, "pn_1": 9, "pn_2": 9}
)
CAMPAIGN = CampaignFacts(
    "c1", "team", {CALLER}, {ADA: "ada", BOB: "bob"}, limit=2, attempts=2, delays={"": 1, "busy": 2}
)
OTHER = replace(CAMPAIGN, key="c2", callers={OTHER_CALLER})


def call(placed: float, ended: float | None, to: str = ADA, **fields: Any) -> RecordedCall:
    """A busy callee, unless ``fields`` say otherwise; named by the instant it was placed."""
    life = {"ringing_at": placed, "ended_at": ended, "disposition": None if ended is None else "busy", **fields}
    return RecordedCall(
        call_id=f"sim_{placed:g}", token=f"t{placed:g}", from_number=str(life.pop("caller", CALLER)), to_number=to,
        account="account", attempt=1, extra=False, callback_url="", placed_at=placed, **life,
    )  # fmt: skip


def answered(placed: float, ended: float, to: str = ADA, by: str = "human", **fields: Any) -> RecordedCall:
    return call(placed, ended, to, answered_at=placed, disposition="completed", answered_by=by, **fields)


def seen(*calls: RecordedCall, refused: tuple[NotPlaced, ...] = (), **fields: Any) -> Evidence:
    """What is left of a run in which these calls were made."""
    moments = [(it.placed_at, it, 1) for it in calls]
    moments += [(it.ended_at, it, -1) for it in calls if it.ended_at is not None]
    changes = tuple((it, change) for _, it, change in sorted(moments, key=lambda m: (m[0], m[2])))
    placed = tuple(sorted(calls, key=lambda it: it.placed_at))
    whole = {"teams": (TEAM,), "campaigns": (CAMPAIGN,), "patience": Patience(2.0, 3.0), **fields}
    return Evidence(ledger=Ledger(placed, (), refused, changes), **whole)


def deed(name: str, subject: str, at: float, value: object = None, done_at: float | None = 0.0) -> Deed:
    """Done a tenth of a second after it was requested; with ``done_at=None`` nobody knows."""
    return Deed(name, subject, at, None if done_at is None else at + 0.1, value)


def rows(*calls: RecordedCall, campaign: str = "c1") -> tuple[Row, ...]:
    return tuple(
        Row(it.token, campaign, CAMPAIGN.phones[it.to_number], it.to_number, disposition_of(it)) for it in calls
    )


REFUSED = NotPlaced("t0", CALLER, ADA, "account", 1, 500, "", 5.0)
TWO = (call(0, 9), call(1, 9, BOB))
LONG_WINDOW, SHORT_WINDOW = ("09:00", "17:00", "UTC"), ("00:00", "00:01", "UTC")
COUNTED = {"c1": {"called": 1, "answered": 0, "calls busy": 1}}
PACED = replace(TEAM, calls_per_second=1.0)
CAPPED = replace(TEAM, caps=((1, 1),))

CONDEMNED: dict[str, list[Evidence]] = {
    "calls_within_limits": [
        seen(*TWO, campaigns=(replace(CAMPAIGN, limit=1),)),
        seen(*TWO, teams=(replace(TEAM, limits={**TEAM.limits, "team": 1}),)),
        seen(*TWO, teams=(replace(TEAM, limits={**TEAM.limits, "pn_1": 1}),)),
        seen(call(100, 109), call(101, 109, BOB), deeds=[deed("limit", "c1", 50, 1)]),
        seen(call(0, 9, "+13039999999")),
    ],
    "one_call_to_a_callee": [
        seen(call(0, 5), call(4, 9)),
        seen(call(0, None), call(4, 9)),
        seen(call(0, 5), call(4, 9, BOB), campaigns=(replace(CAMPAIGN, phones={ADA: "ada", BOB: "ada"}),)),
        seen(call(0, 5), call(4, 9, caller=OTHER_CALLER), campaigns=(CAMPAIGN, OTHER)),
    ],
    "calls_inside_windows": [
        seen(call(8 * 3600, 8 * 3600 + 1), campaigns=(replace(CAMPAIGN, window=LONG_WINDOW),)),
        seen(call(17 * 3600, None), campaigns=(replace(CAMPAIGN, window=LONG_WINDOW),)),
        seen(
            call(10 * 3600, None),
            campaigns=(replace(CAMPAIGN, window=LONG_WINDOW, zones={"ada": "America/New_York"}),),
        ),
        seen(call(100, None), deeds=[deed("window", "c1", 50, SHORT_WINDOW)]),
        seen(call(36_000, None), campaigns=(replace(CAMPAIGN, window=("22:00", "06:00", "UTC")),)),
        seen(call(50, None), campaigns=(replace(CAMPAIGN, window=SHORT_WINDOW),), clock=Clock(speed=2.0)),
    ],
    "stops_reach_the_carrier": [
        seen(call(20, None), deeds=[deed("pause", "c1", 10)]),
        seen(call(20, None), deeds=[deed("cancel", "c1", 10), deed("resume", "c1", 15)]),
        seen(call(20, None), deeds=[deed("resume", "c1", 5), deed("pause", "c1", 10), deed("resume", "c1", 30)]),
        seen(call(20, None), deeds=[deed("mark", "ada", 10)]),
        seen(call(20, None), deeds=[deed("ban", "team", 10, ADA)]),
        seen(call(20, None), deeds=[deed("renumber", "ada", 10, ADA)]),
        seen(call(20, None), deeds=[deed("disable", "pn_1", 10, CALLER)]),
        seen(call(20, None), deeds=[deed("disable account", "account", 10)]),
        seen(call(20, None), deeds=[deed("schedule", "c1", 1, 21.0)]),
        seen(deeds=[deed("schedule", "c1", 1, 21.0)], starts={"c1": 2}),
    ],
    "calls_within_attempts": [seen(call(0, 1), call(200, 201), call(400, 401))],
    "calls_within_caps": [
        seen(call(0, 1), call(3590, 3591), teams=(CAPPED,), healed_at=1e5),
        seen(call(0, 1), call(300, 301), teams=(CAPPED,), healed_at=1e5, clock=Clock(speed=10.0)),
        seen(
            call(0, 1),
            call(3000, 3001, caller=OTHER_CALLER),
            campaigns=(CAMPAIGN, OTHER),
            teams=(CAPPED,),
            healed_at=1e5,
        ),
    ],
    "called_back_in_time": [
        seen(call(50, 51), deeds=[deed("call back", "ada in c1", 5, 60.0)]),
        seen(call(50, 51), deeds=[deed("call back", "ada in c1", 5, 60.0), deed("take back", "ada in c1", 55)]),
        seen(call(50, 51), deeds=[deed("call back", "ada in c1", 1, 40.0), deed("call back", "ada in c1", 20, 60.0)]),
    ],
    "retries_wait": [
        seen(call(0, 1), call(120, 121)),
        seen(call(0, 1, disposition="no-answer"), call(60, 61)),
        seen(answered(0, 1, by="machine"), call(60, 61)),
    ],
    "answered_is_done": [seen(answered(0, 1), call(900, 901))],
    "contacts_finish": [
        seen(left=[Left("c1", "running", "ada", "queued", 10.0)], over_at=100.0),
        seen(left=[Left("c1", "cancelled", "ada", "calling", 10.0)], over_at=100.0),
    ],
    "records_match_carrier": [
        seen(call(0, 1)),
        seen(call(0, 1), rows=[Row("t0", "c1", "ada", ADA, "no_answer")]),
        seen(call(0, 1), rows=[Row("t0", "c1", "ada", ADA, "lost")]),
        seen(call(0, 1), rows=[Row("t0", "c1", "ada", ADA, "not_sent")], can_search=False),
        seen(rows=[Row("t0", "c1", "ada", ADA, "busy")]),
        seen(call(0, 1), rows=rows(call(0, 1)), counters={"c1": {**COUNTED["c1"], "called": 2}}),
        seen(call(0, 1), rows=rows(call(0, 1)), counters={"c1": {**COUNTED["c1"], "calls busy": 2}}),
        seen(answered(0, 1), rows=rows(answered(0, 1)), counters={"c1": {"called": 1, "calls answered": 1}}),
    ],
    "slots_are_released": [
        seen(call(0, 1), held=[Held(1000.0, "call_1", "t0")], healed_at=0.0),
        seen(held=[Held(100.0, "ghost", None)], healed_at=0.0, ghosts={"ghost": 5.0}),
        seen(held=[Held(t, "call_2", None) for t in (10.0, 50.0)], healed_at=0.0),
    ],
    "requests_within_rate": [
        seen(*(call(n / 10, n / 10 + 0.01, BOB if n % 2 else ADA) for n in range(40)), teams=(PACED,)),
        seen(
            *(call(n / 10, n / 10 + 0.01, BOB if n % 2 else ADA) for n in range(40)),
            teams=(PACED,),
            redis_losses=(1.0,),
        ),
    ],
    "acknowledged_events_take_effect": [
        seen(acked=[Acked("t0", "e1", ends=True)], rows=rows(call(0, 1))),
        seen(acked=[Acked("t0", "e1", ends=True)], inbox={("t0", "e1")}),
    ],
    "acknowledged_reports_are_kept": [
        seen(deeds=[deed("report", "call_1", 5, "no")], reports={("call_2", "no"), ("call_1", "yes")}),
    ],
    "numbers_stay_secret": [
        seen(said=[("worker.log", f"dialing {ADA} now")]),
        seen(said=[("queue", '{"to": "%2B17205550001"}')]),
    ],
    "closed_calls_are_over": [seen(late=["call_1"]), seen(call(0, None))],
    "requested_once": [
        seen(call(0, 1), replace(call(300, 301), token="t0")),
        seen(call(0, 1), refused=(REFUSED,)),
    ],
}

ACQUITTED: dict[str, list[Evidence]] = {
    "calls_within_limits": [
        seen(*TWO),
        seen(*TWO, deeds=[deed("limit", "c1", -15, 1)]),
        seen(call(0, 5), call(5, 9, BOB), campaigns=(replace(CAMPAIGN, limit=1),)),
        seen(*TWO, campaigns=(replace(CAMPAIGN, limit=1),), deeds=[deed("limit", "c1", -1, 2, done_at=None)]),
    ],
    "one_call_to_a_callee": [
        seen(call(0, 4), call(4, 9)),
        seen(call(0, 5), call(4, 9, BOB)),
        seen(
            call(0, 5),
            call(4, 9, caller="+17205559999"),
            teams=(TEAM, TeamFacts("rivals", "theirs", {"pn_9": "+17205559999"}, {})),
        ),
    ],
    "calls_inside_windows": [
        seen(call(9 * 3600, None), campaigns=(replace(CAMPAIGN, window=LONG_WINDOW),)),
        seen(call(100, None), deeds=[deed("window", "c1", 97, SHORT_WINDOW)]),
        seen(call(50, None), campaigns=(replace(CAMPAIGN, window=SHORT_WINDOW),)),
        seen(call(23 * 3600, None), campaigns=(replace(CAMPAIGN, window=("22:00", "06:00", "UTC")),)),
    ],
    "stops_reach_the_carrier": [
        seen(call(15, None), deeds=[deed("pause", "c1", 10)]),
        seen(call(20, None), deeds=[deed("pause", "c1", 10, done_at=None)]),
        seen(call(20, None), deeds=[deed("pause", "c1", 10), deed("resume", "c1", 19)]),
        seen(call(20, None), deeds=[deed("pause", "c1", 10), deed("run", "c1", 9, done_at=None)]),
        seen(call(20, None, BOB), deeds=[deed("mark", "ada", 10), deed("ban", "team", 10, ADA)]),
        seen(call(20, None, caller=OTHER_CALLER), campaigns=(OTHER,), deeds=[deed("disable", "pn_1", 10, CALLER)]),
        seen(call(20, None), deeds=[deed("disable", "pn_1", 10, CALLER), deed("enable", "pn_1", 12)]),
        seen(call(20, None), deeds=[deed("disable account", "account", 10), deed("enable account", "account", 18)]),
        seen(call(20, None), deeds=[deed("schedule", "c1", 1, 19.0)], starts={"c1": 1}),
        seen(call(20, None), deeds=[deed("schedule", "c1", 1, 21.0), deed("run", "c1", 18)]),
    ],
    "calls_within_attempts": [
        seen(call(0, 1), call(200, 201, disposition="canceled", ringing_at=None), call(400, 401))
    ],
    "calls_within_caps": [
        seen(call(0, 1), call(3600, 3601), call(10, 11, BOB), teams=(CAPPED,), healed_at=1e5),
        seen(call(0, 1), call(360, 361), teams=(CAPPED,), healed_at=1e5, clock=Clock(speed=10.0)),
        seen(call(0, 1), replace(call(10, 11), disposition="canceled"), teams=(CAPPED,), healed_at=1e5),
        seen(call(0, 1), call(10, 11), teams=(CAPPED,), healed_at=5.0),
    ],
    "called_back_in_time": [
        seen(call(60, 61), deeds=[deed("call back", "ada in c1", 5, 60.0)]),
        seen(call(50, 51), deeds=[deed("call back", "ada in c1", 5, 60.0), deed("take back", "ada in c1", 45)]),
        seen(call(50, 51), deeds=[deed("call back", "ada in c1", 5, 60.0, done_at=None)]),
        seen(call(5.5, 6), deeds=[deed("call back", "ada in c1", 5, 60.0)]),
    ],
    "retries_wait": [
        seen(call(0, 1), call(121, 122)),
        seen(call(0, 1), call(13, 14), clock=Clock(speed=10.0)),
        seen(call(0, 1, disposition="canceled", ringing_at=None), call(2, 3)),
        seen(call(0, 1), call(2, 3, BOB)),
    ],
    "answered_is_done": [
        seen(answered(0, 1, by="machine"), call(900, 901)),
        seen(answered(0, 1), call(900, 901, caller=OTHER_CALLER), campaigns=(CAMPAIGN, OTHER)),
    ],
    "contacts_finish": [
        seen(left=[Left("c1", "running", "ada", "queued", 130.0)], over_at=100.0),
        seen(left=[Left("c1", "cancelled", "ada", "queued", 10.0)], over_at=100.0),
    ],
    "records_match_carrier": [
        seen(call(0, 1), rows=rows(call(0, 1)), counters=COUNTED),
        seen(
            rows=[Row("t0", "c1", "ada", ADA, "lost")], counters={"c1": {"called": 1, "answered": 0, "calls lost": 1}}
        ),
        seen(call(0, 1), rows=[Row("t0", "c1", "ada", ADA, "lost")], can_search=False),
    ],
    "slots_are_released": [
        seen(call(0, 10), held=[Held(100.0, "call_1", "t0")], healed_at=90.0),
        seen(call(0, None), held=[Held(1000.0, "call_1", "t0")], healed_at=0.0),
        seen(held=[Held(t, f"call_{t}", None) for t in (10.0, 50.0)], healed_at=0.0),
    ],
    "requests_within_rate": [
        seen(*(call(n, n + 0.5, BOB if n % 2 else ADA) for n in range(40)), teams=(PACED,)),
        seen(*(call(n / 100, n / 100 + 0.001) for n in range(5)), teams=(PACED,)),
    ],
    "acknowledged_events_take_effect": [
        seen(acked=[Acked("t0", "e1", ends=True)], inbox={("t0", "e1")}, rows=rows(call(0, 1)))
    ],
    "acknowledged_reports_are_kept": [
        seen(deeds=[deed("report", "call_1", 5, "no")], reports={("call_1", "no"), ("call_2", "yes")}),
        seen(deeds=[deed("report", "call_1", 5, "no", done_at=None)]),
    ],
    "numbers_stay_secret": [seen(said=[("worker.log", "dialing +…01 at 1303200000199, call_13032000")])],
    "closed_calls_are_over": [seen(call(0, 1))],
    "requested_once": [seen(call(0, 1), call(300, 301), refused=(replace(REFUSED, token="t7"),))],
}


OCCASIONS: dict[str, list[int]] = {
    "calls_within_limits": [2, 2, 2, 2],
    "one_call_to_a_callee": [1, 0, 0],
    "calls_inside_windows": [1, 0, 1, 1],
    "stops_reach_the_carrier": [1, 0, 1, 0, 2, 1, 0, 1, 2, 1],
    "calls_within_attempts": [1],
    "calls_within_caps": [3, 2, 1, 1],
    "called_back_in_time": [1, 0, 0, 0],
    "retries_wait": [1, 1, 0, 0],
    "answered_is_done": [0, 1],
    "contacts_finish": [1, 1],
    "records_match_carrier": [3, 3, 1],
    "slots_are_released": [1, 0, 2],
    "requests_within_rate": [39, 4],
    "acknowledged_events_take_effect": [1],
    "acknowledged_reports_are_kept": [1, 0],
    "numbers_stay_secret": [1],
    "closed_calls_are_over": [0],
    "requested_once": [3],
}
"""How often each of those that are acquitted could have been guilty."""


OF_PROGRESS = {
    "hanging_account_is_isolated",
    "no_more_than_senders",
    "hang_ups_back_off",
    "ends_on_sigterm",
    "calls_resume",
}
"""Tried in test_judgements_progress.py."""


def findings(name: str, e: Evidence) -> list[str | None]:
    (judgement,) = (it for it in JUDGEMENTS if it.name == name)
    return list(judgement.check(e))


def each(those: Mapping[str, Sequence[Evidence]]) -> list[tuple[str, int]]:
    return [(name, nth) for name, evidence in those.items() for nth in range(len(evidence))]


@pytest.mark.parametrize(("name", "nth"), each(CONDEMNED))
def test_a_judgement_condemns_what_it_is_for(name: str, nth: int) -> None:
    assert any(findings(name, CONDEMNED[name][nth]))


@pytest.mark.parametrize(("name", "nth"), each(ACQUITTED))
def test_a_judgement_acquits_what_only_looks_like_it_and_counts_how_often_it_could_have_been_guilty(
    name: str, nth: int
) -> None:
    assert findings(name, ACQUITTED[name][nth]) == [None] * OCCASIONS[name][nth]


@pytest.mark.parametrize("judgement", JUDGEMENTS, ids=lambda judgement: judgement.name)
def test_where_nothing_happened_nothing_was_proved(judgement: Judgement) -> None:
    assert list(judgement.check(seen())) == []


def test_every_judgement_is_tried_both_ways() -> None:
    assert CONDEMNED.keys() == ACQUITTED.keys() == OCCASIONS.keys()
    tried_elsewhere = GATES.keys() | INVARIANTS.keys() | OF_PROGRESS | {"processes_live", "logs_hold_no_mistake"}
    assert {it.name for it in JUDGEMENTS} == CONDEMNED.keys() | tried_elsewhere
    assert not CONDEMNED.keys() & tried_elsewhere


def test_a_run_without_a_flaw_is_acquitted_of_everything() -> None:
    calls = (call(0, 1), answered(200, 210), call(3, 4, BOB))
    counted = {"c1": {"called": 2, "answered": 1, "calls busy": 2, "calls answered": 1}}
    assert judge(seen(*calls, rows=rows(*calls), counters=counted)).violations_total == 0


def test_an_edit_holds_from_when_it_was_requested_until_a_later_one_was_surely_done() -> None:
    edits = [(deed("limit", "c1", 10, 5), 5), (deed("limit", "c1", 20, 7, done_at=None), 7)]
    edits.append((deed("limit", "c1", 30, 1), 1))
    assert in_force(3, edits, 0, 9) == [3]
    assert in_force(3, edits, 9, 10) == [3, 5]
    assert in_force(3, edits, 15, 25) == [5, 7]
    assert in_force(3, edits, 40, 50) == [7, 1]


def test_liveness_is_the_time_from_a_fault_to_the_next_call() -> None:
    assert liveness(seen(call(5, 6), call(9, 10)), [4.0, 6.0, 20.0]) == [1.0, 3.0]
