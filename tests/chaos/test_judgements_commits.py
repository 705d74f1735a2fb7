"""The gate checked again over a history: a call committed after a stop is condemned by what that stop is, alone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.chaos.evidence import Change, Clock, Evidence
from tests.chaos.judgements_commits import GATES
from tests.chaos.verdict import JUDGEMENTS
from worker.simulator.ledger import Ledger

Line = tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any] | None]
CAMPAIGN = {"status": "running", "run_id": "run_1", "deleted_at": None, "call_window_start": None, "settings": {}}
ADA = {"phone_e164": "+13032000001", "timezone": None, "do_not_call": False}
CALL = {
    "state": "reserved", "team_id": "team", "campaign_id": "c1", "run_id": "run_1", "contact_id": "ada",
    "number_id": "pn_1", "account_id": "account", "to_number": "+13032000001", "zone": "",
}  # fmt: skip
NOON = 12 * 3600.0


def becomes(table: str, subject: str, before: Mapping[str, Any], **changes: Any) -> tuple[Line, Line]:
    """A change, and what undoes it."""
    after = {**before, **changes}
    return (table, subject, before, after), (table, subject, after, before)


def window(start: str, end: str, zone: str = "UTC") -> tuple[Line, Line]:
    return becomes("campaigns", "c1", CAMPAIGN, call_window_start=start, call_window_end=end, call_window_timezone=zone)


IN_CAMPAIGN = {"campaign_id": "c1", "callback_at": None}


def windows(days: list[str], start: str, end: str) -> tuple[Line, Line]:
    given = [{"days": days, "start": start, "end": end}]
    return becomes("campaigns", "c1", CAMPAIGN, call_window_start="00:00", call_window_end="00:00",
                   call_window_timezone="UTC", call_windows=given)  # fmt: skip


STOPS: Mapping[str, tuple[str, tuple[Line, Line]]] = {
    "pause": ("stops_bind_commits", becomes("campaigns", "c1", CAMPAIGN, status="paused")),
    "cancel": ("stops_bind_commits", becomes("campaigns", "c1", CAMPAIGN, status="cancelled")),
    "delete": ("stops_bind_commits", becomes("campaigns", "c1", CAMPAIGN, deleted_at="2027-01-01T12:00:00+00:00")),
    "newer run": ("newer_runs_bind_commits", becomes("campaigns", "c1", CAMPAIGN, run_id="run_2")),
    "window not yet open": ("policy_binds_commits", window("13:00", "17:00")),
    "window that has ended": ("policy_binds_commits", window("09:00", "12:00")),
    "window over midnight": ("policy_binds_commits", window("20:00", "09:00")),
    "window of another zone": ("policy_binds_commits", window("09:00", "17:00", "Asia/Tokyo")),
    "end after its last window": ("policy_binds_commits",
                becomes("campaigns", "c1", CAMPAIGN, scheduled_end_at="1970-01-01T12:00:00+00:00")),
    "it is ending": ("stops_bind_commits",
                     becomes("campaigns", "c1", CAMPAIGN, closing_at="1970-01-01T11:59:00+00:00")),
    "windows on other days": ("policy_binds_commits", windows(["fri", "sat"], "09:00", "17:00")),
    "windows at other hours": ("policy_binds_commits", windows(["wed"], "22:00", "12:00")),
    "asked to be called later": ("callbacks_bind_commits",
                                 becomes("campaign_contacts", "ada", IN_CAMPAIGN,
                                         callback_at="1970-01-01T12:00:06+00:00")),
    "caller ID taken out": ("policy_binds_commits", (("campaign_numbers", "c1", {"number_id": "pn_1"}, None),
                                    ("campaign_numbers", "c1", None, {"number_id": "pn_1"}))),
    "ban": ("do_not_call_binds_commits", (("do_not_call", "team", None, {"number": "+13032000001"}),
                    ("do_not_call", "team", {"number": "+13032000001"}, None))),
    "mark": ("do_not_call_binds_commits", becomes("contacts", "ada", ADA, do_not_call=True)),
    "another number": ("contacts_bind_commits", becomes("contacts", "ada", ADA, phone_e164="+13032000009")),
    "no number": ("contacts_bind_commits", becomes("contacts", "ada", ADA, phone_e164=None)),
    "another zone": ("contacts_bind_commits", becomes("contacts", "ada", ADA, timezone="Asia/Kolkata")),
    "a purpose": ("rules_bind_commits", becomes("campaigns", "c1", CAMPAIGN, purpose="debt")),
    "a purpose of its team": ("rules_bind_commits", (("teams", "team", None, {"policy": {"purpose": "debt"}}),
                              ("teams", "team", {"policy": {"purpose": "debt"}}, {"policy": {}}))),
    "caller ID disabled": ("callers_bind_commits", becomes("phone_numbers", "pn_1", {"enabled": True}, enabled=False)),
    "account disabled": ("callers_bind_commits",
                         becomes("carrier_accounts", "account", {"enabled": True}, enabled=False)),
}  # fmt: skip
HARMLESS: Mapping[str, Line] = {
    "another campaign is paused": becomes("campaigns", "c2", CAMPAIGN, status="paused")[0],
    "another number is banned": ("do_not_call", "team", None, {"number": "+13032000002"}),
    "another team bans it": ("do_not_call", "rivals", None, {"number": "+13032000001"}),
    "somebody else is marked": becomes("contacts", "bob", ADA, do_not_call=True)[0],
    "an open window": window("09:00", "17:00")[0],
    "a window open over midnight": window("11:00", "09:00")[0],
    "an open window of the weekday": windows(["thu"], "09:00", "17:00")[0],
    "a window of the day before": windows(["wed"], "22:00", "12:01")[0],
    "an end to come": becomes("campaigns", "c1", CAMPAIGN, scheduled_end_at="1970-01-01T12:01:00+00:00")[0],
    "asked to be called now": becomes("campaign_contacts", "ada", IN_CAMPAIGN, callback_at="1970-01-01T12:00:00+00:00")[
        0
    ],
    "asked in another campaign": becomes(
        "campaign_contacts", "ada", IN_CAMPAIGN, campaign_id="c2", callback_at="1970-01-01T13:00:00+00:00"
    )[0],
    "a purpose whose law is off": becomes("campaigns", "c1", CAMPAIGN, purpose="debt", law="off")[0],
    "another team has a purpose": ("teams", "rivals", None, {"policy": {"purpose": "debt"}}),
    "another caller ID is taken out": ("campaign_numbers", "c1", {"number_id": "pn_2"}, None),
}
RESERVED: Line = ("calls", "call_1", None, CALL)
RELEASED: Line = ("calls", "call_1", CALL, {**CALL, "state": "ended"})


def dialing(at: float) -> Line:
    instant = datetime.fromtimestamp(at, UTC).isoformat()
    return ("calls", "call_1", CALL, {**CALL, "state": "dialing", "dialing_at": instant, "dialed_at": instant})


BEFORE: Sequence[Line] = (
    ("campaigns", "c1", None, CAMPAIGN),
    ("campaign_numbers", "c1", None, {"number_id": "pn_1"}),
    ("contacts", "ada", None, ADA),
)


def history(*lines: Line | tuple[Line, ...]) -> Evidence:
    """Each in a transaction of its own, a second after the one before, at noon; a tuple of them in one together."""
    numbers, changes = itertools.count(1), []
    for second, together in enumerate((*BEFORE, *lines)):
        of_one: Sequence[Any] = together if isinstance(together[0], tuple) else (together,)
        for line in of_one:
            changes.append(Change(next(numbers), second, NOON + second, *line))
    return Evidence(ledger=Ledger((), (), (), ()), history=changes, clock=Clock())


def findings(e: Evidence) -> dict[str, list[str | None]]:
    """By judgement, where there was an occasion."""
    found = {it.name: list(it.check(e)) for it in JUDGEMENTS if it.name in GATES}
    return {judgement: those for judgement, those in found.items() if those}


@pytest.mark.parametrize("name", STOPS)
def test_a_call_that_is_committed_after_a_stop_is_condemned_by_the_right_judgement(name: str) -> None:
    judgement, (stop, _) = STOPS[name]
    (found,) = findings(history(RESERVED, stop, dialing(NOON + 5))).items()
    assert found[0] == judgement
    (said,) = found[1]
    assert said is not None
    assert said.startswith("call call_1 was committed to be placed when ")
    assert said.endswith(", for 1.000 s")


@pytest.mark.parametrize("name", STOPS)
def test_a_call_that_is_committed_before_or_released_after_a_stop_is_not_and_only_the_second_was_an_occasion(
    name: str,
) -> None:
    judgement, (stop, _) = STOPS[name]
    assert findings(history(RESERVED, dialing(NOON + 4), stop)) == {}
    assert findings(history(RESERVED, stop, RELEASED)) == {judgement: [None]}


@pytest.mark.parametrize("name", STOPS)
def test_a_stop_that_was_undone_in_between_condemns_nobody(name: str) -> None:
    judgement, (stop, undo) = STOPS[name]
    assert findings(history(RESERVED, stop, undo, dialing(NOON + 6))) == {judgement: [None]}
    assert findings(history(RESERVED, (stop, undo), dialing(NOON + 5))) == {}, "nor is one that nobody saw an occasion"


@pytest.mark.parametrize("name", HARMLESS)
def test_what_concerns_somebody_else_is_no_occasion(name: str) -> None:
    assert findings(history(RESERVED, HARMLESS[name], dialing(NOON + 5))) == {}


@pytest.mark.parametrize("name", STOPS)
def test_the_order_of_commits_decides_and_no_clock(name: str) -> None:
    """The clock is set back an hour between them: the stop still came first, or last."""
    judgement, (stop, _) = STOPS[name]
    if "window" not in name:
        assert any(findings(history(RESERVED, stop, dialing(NOON - 3600)))[judgement])
    assert findings(history(RESERVED, dialing(NOON + 3600), stop)) == {} or "window" in name


IN_INDIANA = "US-IN:*"


@pytest.mark.parametrize(
    ("purpose", "at", "window_", "why"),
    [
        ("telemarketing", 14 * 3600, None, None),  # 9:00 and 8:00 there, on a Thursday
        ("telemarketing", 13 * 3600, None, "said wait"),  # 7:00 in the west of the state
        ("telemarketing", 14 * 3600, ("09:00", "17:00"), "outside 09:00-17:00"),
        ("telemarketing", 15 * 3600, ("09:00", "17:00"), None),
    ],
)
def test_a_call_to_a_place_is_judged_on_every_clock_and_by_the_rules_there(
    purpose: str, at: float, window_: tuple[str, str] | None, why: str | None
) -> None:
    bounds = {} if window_ is None else {"call_window_start": window_[0], "call_window_end": window_[1],
                                         "call_window_timezone": "UTC"}  # fmt: skip
    bound = ("campaigns", "c1", None, {**CAMPAIGN, "purpose": purpose, **bounds})
    there = ("contacts", "ada", None, {**ADA, "place": IN_INDIANA})
    call = {**(dialing(at)[3] or {}), "zone": IN_INDIANA, "law": {"pack": "1", "rules": []}}
    judged = findings(history(bound, there, ("calls", "call_1", None, call)))
    found = [said for of_one in judged.values() for said in of_one]
    assert len(found) == (0 if why is None else 1)
    assert why is None or why in str(found[0])


def test_a_contact_that_has_moved_to_another_place_is_not_called_where_places_count() -> None:
    by_places = ("teams", "team", {"policy": {}}, {"policy": {"zoneFromNumber": True}})
    moved = ("contacts", "ada", ADA, {**ADA, "place": "US-HI:*"})
    assert any(findings(history(by_places, RESERVED, moved, dialing(NOON + 6)))["contacts_bind_commits"])
    assert findings(history(RESERVED, moved, dialing(NOON + 5))) == {}


def test_a_call_that_names_no_rules_is_condemned_where_rules_bind() -> None:
    bound = ("campaigns", "c1", None, {**CAMPAIGN, "purpose": "health"})
    there = ("contacts", "ada", None, {**ADA, "place": "US-CO:*"})
    call = {**(dialing(NOON)[3] or {}), "zone": "US-CO:*"}
    (said,) = findings(history(bound, there, ("calls", "call_1", None, call)))["rules_bind_commits"]
    assert "it named no rules that let it pass" in str(said)


def test_a_contacts_own_zone_counts_unless_the_campaign_turns_it_off() -> None:
    berlin = ("calls", "call_1", None, {**CALL, "zone": "Europe/Berlin"})
    lives = becomes("contacts", "ada", ADA, timezone="Europe/Berlin")[0]
    shut = window("12:00", "13:00")[0]
    own = {**(shut[3] or {}), "settings": {"useContactTimezone": False}}
    dialed: Line = ("calls", "call_1", None, {**(dialing(NOON + 6)[3] or {}), "zone": "Europe/Berlin"})
    assert any(findings(history(lives, berlin, shut, dialed))["policy_binds_commits"])
    assert findings(history(lives, berlin, ("campaigns", "c1", CAMPAIGN, own), dialed)) == {}
