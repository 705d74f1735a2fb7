"""Each invariant names who breaks it, and is silent about who only seems to.

What the schema makes impossible is made possible first, within a transaction that is rolled back.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.rows import NOON, RESERVED, add, call, campaign, contact, ended, furnish, join, token
from worker.domain.model import Bounds
from worker.store import invariants, tables

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = NOON + timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _furnished(conn: Connection) -> None:
    """Team ``a``, whose campaign has one live call, ``call_a_0_0``."""
    furnish(conn, "a")


def broken(conn: Connection, **given: Any) -> dict[str, list[str]]:
    """Invariant → who breaks it; those that hold are left out."""
    found = invariants.violations(conn, Bounds(), **given)
    return {name: sorted(row["offender"] for row in rows) for name, rows in found.items() if rows}


def run(conn: Connection, statement: str, **values: Any) -> None:
    conn.execute(text(statement), values)


def count(conn: Connection, call_id: str, disposition: str) -> None:
    add(conn, tables.counter_deltas, campaign_id="camp_a", call_id=call_id, disposition=disposition)


def counted(conn: Connection, n: int, disposition: str = "busy", **values: Any) -> str:
    """A call that ended and was counted."""
    made = call(conn, "a", n, **ended(disposition) | values)
    count(conn, made, disposition)
    return made


def knows_its_end(conn: Connection, call_id: str) -> None:
    event = {"event_id": "end", "carrier_call_id": "c", "kind": "ended", "disposition": "busy"}
    add(conn, tables.call_events, carrier="simulator", token=token(call_id), **event)


def test_all_is_well_with_calls_of_every_kind(conn: Connection) -> None:
    call(conn, "a", 1, **RESERVED)
    call(conn, "a", 2, state="unknown")
    counted(conn, 3, "answered")
    counted(conn, 4, "not_sent")
    contact(conn, "a", 5)
    furnish(conn, "b")
    assert broken(conn) == {}


# -- limit_held


@pytest.mark.parametrize(
    ("limits", "offender"),
    [
        ([2, 9, 9, 9], "team team_a"),
        ([9, 2, 9, 9], "campaign camp_a"),
        ([9, 9, 2, 9], "number pn_a"),
        ([9, 9, 9, 2], "account acct_a"),
    ],
)
def test_limit_held_names_the_scope_with_more_live_calls_than_its_limit(
    conn: Connection, limits: list[int], offender: str
) -> None:
    call(conn, "a", 1, claim_limits=limits, **RESERVED)
    assert broken(conn) == {}
    call(conn, "a", 2, claim_limits=limits, **RESERVED)
    assert broken(conn) == {"limit_held": [offender]}


def test_limit_held_holds_when_the_limit_was_lowered_after_the_last_claim(conn: Connection) -> None:
    call(conn, "a", 1)
    call(conn, "a", 2)
    run(conn, "UPDATE campaigns SET max_concurrent_calls = 1")
    assert broken(conn) == {}


def test_limit_held_is_judged_by_the_limit_that_the_newest_claim_had_read(conn: Connection) -> None:
    for n in (1, 2, 3):
        call(conn, "a", n, claim_limits=[9, 9, 9, 9], **RESERVED)
    call(conn, "a", 4, claim_limits=[9, 2, 9, 9], **RESERVED)
    assert broken(conn) == {"limit_held": ["campaign camp_a"]}


# -- ended_calls_are_over and limit_held_at_carrier


def test_ended_calls_are_over_names_a_closed_call_that_its_carrier_says_is_alive(conn: Connection) -> None:
    ghost = counted(conn, 1, "lost", late_evidence_at=LATER)
    assert broken(conn) == {"ended_calls_are_over": [ghost]}
    knows_its_end(conn, ghost)
    assert broken(conn) == {}


def test_limit_held_at_carrier_names_the_campaign_with_more_calls_alive_at_its_carrier_than_allowed(
    conn: Connection,
) -> None:
    call(conn, "a", 1, state="ringing")
    call(conn, "a", 2, state="placed")
    ghost = counted(conn, 3, "lost", late_evidence_at=LATER)
    assert broken(conn) == {"ended_calls_are_over": [ghost], "limit_held_at_carrier": ["camp_a"]}
    knows_its_end(conn, ghost)
    assert broken(conn) == {}


# -- one_live_call_per_contact


def test_one_live_call_per_contact_names_two_live_calls_of_one_contact(conn: Connection) -> None:
    run(conn, "DROP INDEX calls_one_live_per_contact")
    campaign(conn, "a", "_2")
    join(conn, "a", 0, of="_2", attempts=1, status="calling")
    call(conn, "a", 0, of="_2", again=1, to_number="+12025557777")
    assert broken(conn) == {"one_live_call_per_contact": ["call_a_0_0"]}


def test_one_live_call_per_contact_names_two_live_calls_to_one_number(conn: Connection) -> None:
    run(conn, "DROP INDEX calls_one_live_per_number")
    call(conn, "a", 1, to_number="+12025560000")
    assert broken(conn) == {"one_live_call_per_contact": ["call_a_0_0"]}


# -- counters_add_up


def test_counters_add_up_names_the_campaign_with_an_ended_call_that_was_not_counted(conn: Connection) -> None:
    made = call(conn, "a", 1, **ended("busy"))
    assert broken(conn) == {"counters_add_up": ["camp_a"]}
    count(conn, made, "busy")
    assert broken(conn) == {}


def test_counters_add_up_names_the_campaign_with_a_call_counted_before_it_ended(conn: Connection) -> None:
    count(conn, "call_a_0_0", "busy")
    assert broken(conn) == {"counters_add_up": ["camp_a"]}


def test_counters_add_up_names_the_campaign_with_a_call_counted_as_what_it_was_not(conn: Connection) -> None:
    count(conn, call(conn, "a", 1, **ended("busy")), "answered")
    assert broken(conn) == {"counters_add_up": ["camp_a", "camp_a"]}  # one too few of these, one too many of those


def test_counters_add_up_names_the_campaign_with_a_call_counted_twice(conn: Connection) -> None:
    counted(conn, 1, "busy")
    run(conn, "UPDATE disposition_totals SET calls = 1 WHERE campaign_id = 'camp_a'")
    assert broken(conn) == {"counters_add_up": ["camp_a"]}


@pytest.mark.parametrize("column", ["total", "called", "answered", "finished", "pending"])
def test_counters_add_up_names_the_campaign_whose_contacts_are_miscounted(conn: Connection, column: str) -> None:
    run(conn, f"UPDATE campaign_totals SET {column} = {column} + 1 WHERE campaign_id = 'camp_a'")
    assert broken(conn) == {"counters_add_up": ["camp_a"]}


def test_counters_add_up_names_the_campaign_whose_contacts_moved_without_the_trigger(conn: Connection) -> None:
    run(conn, "ALTER TABLE campaign_contacts DISABLE TRIGGER count_moved")
    run(conn, "UPDATE campaign_contacts SET status = 'exhausted'")
    assert broken(conn) == {"counters_add_up": ["camp_a"]}


# -- attempts_within_limit


def test_attempts_within_limit_names_a_contact_with_more_requests_than_attempts(conn: Connection) -> None:
    counted(conn, 1, "busy")
    call(conn, "a", 1, again=1, attempt=2)
    assert broken(conn) == {"attempts_within_limit": ["camp_a cont_a_1"]}
    run(conn, "UPDATE campaign_contacts SET attempts = 2 WHERE contact_id = 'cont_a_1'")
    assert broken(conn) == {}


def test_attempts_within_limit_names_a_contact_with_more_attempts_than_allowed(conn: Connection) -> None:
    run(conn, "UPDATE campaign_contacts SET attempts = 4")
    assert broken(conn) == {"attempts_within_limit": ["camp_a cont_a_0"]}


@pytest.mark.parametrize(("disposition", "rang"), [("not_sent", False), ("canceled", False)])
def test_attempts_within_limit_does_not_count_what_never_rang(conn: Connection, disposition: str, rang: bool) -> None:
    counted(conn, 1, disposition, rang=rang)
    run(conn, "UPDATE campaign_contacts SET attempts = 0, called = false WHERE contact_id = 'cont_a_1'")
    assert broken(conn) == {}


# -- stops_hold


@pytest.mark.parametrize("status", ["paused", "cancelled"])
def test_stops_hold_names_a_call_dialed_after_its_campaign_stopped(conn: Connection, status: str) -> None:
    reason = "'requested'" if status == "paused" else "NULL"
    stop = f"UPDATE campaigns SET status = '{status}', pause_reason = {reason}, stopped_at = :at"
    run(conn, stop, at=NOON + timedelta(seconds=1))
    assert broken(conn) == {}
    run(conn, stop, at=NOON - timedelta(microseconds=1))
    assert broken(conn) == {"stops_hold": ["call_a_0_0"]}


def test_stops_hold_does_not_judge_a_resumed_campaign_by_its_former_pause(conn: Connection) -> None:
    run(conn, "UPDATE campaigns SET stopped_at = :at", at=LONG_AGO)
    assert broken(conn) == {}


def test_stops_hold_names_a_call_to_a_number_that_was_banned_before(conn: Connection) -> None:
    ban = {"team_id": "team_a", "number": "+12025560000"}
    add(conn, tables.do_not_call, **ban, created_at=LATER)
    assert broken(conn) == {}
    run(conn, "UPDATE do_not_call SET created_at = :at", at=LONG_AGO)
    assert broken(conn) == {"stops_hold": ["call_a_0_0"]}


def test_stops_hold_leaves_a_call_alone_whose_number_another_team_banned(conn: Connection) -> None:
    furnish(conn, "b")  # which calls the same number
    add(conn, tables.do_not_call, team_id="team_b", number="+12025560000", created_at=LONG_AGO)
    assert broken(conn) == {"stops_hold": ["call_b_0_0"]}


def test_stops_hold_names_a_call_dialed_when_its_window_had_closed(conn: Connection) -> None:
    run(conn, "ALTER TABLE calls DROP CONSTRAINT calls_dialed_in_time")
    run(conn, "UPDATE calls SET dialed_at = valid_until")
    assert broken(conn) == {"stops_hold": ["call_a_0_0"]}


# -- rules_let_calls_pass

PASSED = '{"pack": "1", "rules": [], "place": "FR:*", "zones": ["Europe/Paris"], "areas": ["FR"], "consent": "none"}'


@pytest.mark.parametrize(
    ("law", "is_broken"),
    [(PASSED, False), ('{"pack": "", "rules": []}', True), ('{"rules": []}', True), ('{"pack": "1"}', True),
     ('{"pack": "1", "rules": "fr.hours"}', True), ("{}", True)],
)  # fmt: skip
def test_rules_let_calls_pass_names_a_call_whose_rules_are_not_named(
    conn: Connection, law: str, is_broken: bool
) -> None:
    run(conn, "UPDATE calls SET law = CAST(:law AS jsonb)", law=law)
    assert broken(conn) == ({"rules_let_calls_pass": ["call_a_0_0"]} if is_broken else {})


def test_rules_let_calls_pass_names_a_call_that_was_only_reserved(conn: Connection) -> None:
    call(conn, "a", 1, **RESERVED)
    run(conn, "UPDATE calls SET law = CAST(:law AS jsonb)", law=PASSED)
    assert broken(conn) == {"rules_let_calls_pass": ["call_a_1_0"]}


@pytest.mark.parametrize(
    ("campaign", "is_broken"),
    [("purpose = 'debt'", True), ("purpose = 'debt', law = 'off'", False),
     ("purpose = 'debt', updated_at = clock_timestamp()", False)],
)  # fmt: skip
def test_rules_let_calls_pass_names_a_call_without_any_though_its_campaign_is_bound(
    conn: Connection, campaign: str, is_broken: bool
) -> None:
    run(conn, "UPDATE campaigns SET updated_at = 'epoch'")
    run(conn, f"UPDATE campaigns SET {campaign}")
    assert broken(conn) == ({"rules_let_calls_pass": ["call_a_0_0"]} if is_broken else {})


# -- outcomes_decide


def outcome(conn: Connection, call_id: str, **values: Any) -> None:
    add(conn, tables.call_outcomes, call_id=call_id, campaign_id="camp_a", **values)


def test_outcomes_decide_names_a_word_that_was_said_and_decided_nothing(conn: Connection) -> None:
    for n, more in enumerate(({"next": "done"}, {"next": "done", "decided_at": LATER}, {"outcome": "late"}), 1):
        outcome(conn, counted(conn, n, "answered"), **more)
    outcome(conn, call(conn, "a", 4, state="unknown"), next="never")
    outcome(conn, counted(conn, 5, "not_sent"), next="done")
    assert broken(conn) == {"outcomes_decide": ["call_a_1_0"]}


def test_outcomes_decide_names_who_waits_for_a_word_and_has_gone_on(conn: Connection) -> None:
    waits = {"waits_since": NOON, "waits_until": LATER}
    outcome(conn, counted(conn, 1, "answered"), **waits)
    assert broken(conn) == {}
    outcome(conn, call(conn, "a", 2, state="unknown"), **waits)
    outcome(conn, counted(conn, 3, "answered"), **waits)
    run(conn, "UPDATE campaign_contacts SET status = 'queued' WHERE contact_id = 'cont_a_3'")
    assert broken(conn) == {"outcomes_decide": ["call_a_2_0", "call_a_3_0"]}


# -- calls_end_in_time and no_slot_leaks


def test_calls_end_in_time_names_a_live_call_past_its_provable_end(conn: Connection) -> None:
    late = call(conn, "a", 1, provable_end_at=LONG_AGO)
    counted(conn, 2, "lost", provable_end_at=LONG_AGO)
    assert broken(conn) == {"calls_end_in_time": [late]}


def test_calls_end_in_time_gives_the_reaper_time(conn: Connection) -> None:
    run(conn, "UPDATE calls SET provable_end_at = clock_timestamp() - interval '1 second'")
    assert broken(conn) == {}


def test_no_slot_leaks_names_the_holders_of_slots_that_are_not_live(conn: Connection) -> None:
    over = counted(conn, 1)
    assert broken(conn, stale_members=["call_a_0_0"]) == {}
    assert broken(conn, stale_members=["call_a_0_0", over, "call_of_nobody"]) == {
        "no_slot_leaks": [over, "call_of_nobody"]
    }


def test_no_slot_leaks_gives_whoever_ended_the_call_time_to_give_its_slot_back(conn: Connection) -> None:
    over = counted(conn, 1, ended_at=datetime.now(UTC))
    assert broken(conn, stale_members=[over]) == {}


# -- due_contacts_are_called

HERE = [("camp_a", "")]


def test_due_contacts_are_called_names_a_campaign_whose_due_contact_nobody_calls(conn: Connection) -> None:
    contact(conn, "a", 1)
    assert broken(conn, open_zones=HERE) == {"due_contacts_are_called": ["camp_a"]}
    assert broken(conn, open_zones=[("camp_a", "Asia/Tokyo")]) == {}
    assert broken(conn) == {}


@pytest.mark.parametrize(
    "excuse",
    [
        "UPDATE campaign_contacts SET due_at = dialer_now() + interval '1 hour'",
        "UPDATE campaign_contacts SET due_at = dialer_now()",
        "UPDATE campaigns SET next_wake_at = dialer_now()",
        "UPDATE campaigns SET max_concurrent_calls = 1",
        "UPDATE campaigns SET status = 'paused', pause_reason = 'requested', stopped_at = dialer_now()",
        "UPDATE teams SET max_concurrent_calls = 1",
        "UPDATE runs SET max_calls = 5, calls_used = 5",
        "UPDATE phone_numbers SET max_concurrent_calls = 1",
        "UPDATE phone_numbers SET enabled = false",
        "UPDATE phone_numbers SET resting_until = clock_timestamp() + interval '1 hour'",
        "UPDATE carrier_accounts SET max_concurrent_calls = 1",
        "UPDATE carrier_accounts SET enabled = false",
        "UPDATE carrier_accounts SET resting_until = clock_timestamp() + interval '1 hour'",
        "UPDATE carrier_accounts SET resting_until = clock_timestamp()",
        "WITH _ AS (UPDATE campaigns SET short_of_slots = true) "
        "INSERT INTO ticks VALUES ('fill team_a', clock_timestamp())",
    ],
)
def test_due_contacts_are_called_accepts_a_reason_not_to_call(conn: Connection, excuse: str) -> None:
    contact(conn, "a", 1)
    run(conn, excuse)
    assert broken(conn, open_zones=HERE) == {}


@pytest.mark.parametrize("last", ["('fill team_b', clock_timestamp())", "('fill team_a', '2026-01-01')"])
def test_due_contacts_are_called_names_a_campaign_that_lacks_a_slot_and_whose_team_nobody_fills(
    conn: Connection, last: str
) -> None:
    contact(conn, "a", 1)
    run(conn, "UPDATE campaigns SET short_of_slots = true")
    run(conn, f"INSERT INTO ticks VALUES {last}")
    assert broken(conn, open_zones=HERE) == {"due_contacts_are_called": ["camp_a"]}


def test_due_contacts_are_called_waits_as_long_as_late_seconds_says(conn: Connection) -> None:
    contact(conn, "a", 1, due_at=datetime.now(UTC) - timedelta(minutes=1))
    assert broken(conn, open_zones=HERE, late_seconds=600) == {}
    assert broken(conn, open_zones=HERE, late_seconds=3) == {"due_contacts_are_called": ["camp_a"]}


def test_every_invariant_has_a_name_of_its_own_and_a_sentence(conn: Connection) -> None:
    assert [each.is_safety for each in invariants.INVARIANTS] == [True] * 10 + [False] * 3
    assert list(invariants.violations(conn, Bounds())) == list(invariants.BY_NAME)
    assert len(invariants.BY_NAME) == len(invariants.INVARIANTS)
    for each in invariants.INVARIANTS:
        assert re.fullmatch("[a-z]+(_[a-z]+)+", each.name)
        assert re.fullmatch("[A-Z][^.]+[.]", each.holds)
