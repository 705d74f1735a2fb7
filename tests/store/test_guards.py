"""What no code can do to the database, whatever it tries: the promises that the schema itself keeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.store.rows import FAR, NOON, RESERVED, call, campaign, ended, furnish, join
from worker.domain.lifecycle import CALL_ORDER
from worker.domain.model import CallState

MOVES_FORWARD = "DL002"


@pytest.fixture(autouse=True)
def _furnished(conn: Connection) -> None:
    furnish(conn, "a")


def run(conn: Connection, statement: str, **values: object) -> None:
    with conn.begin_nested():
        conn.execute(text(statement), values)


# -- one_live_call_per_contact: one live call per contact, and per number and team


def test_a_contact_cannot_have_two_live_calls(conn: Connection) -> None:
    campaign(conn, "a", "_2")
    join(conn, "a", 0, of="_2")
    with pytest.raises(IntegrityError, match="calls_one_live_per_contact"), conn.begin_nested():
        call(conn, "a", 0, of="_2", again=1, to_number="+12025567777")


def test_a_number_cannot_have_two_live_calls_of_a_team(conn: Connection) -> None:
    with pytest.raises(IntegrityError, match="calls_one_live_per_number"), conn.begin_nested():
        call(conn, "a", 1, to_number="+12025560000")


def test_a_contact_may_be_called_again_once_its_call_has_ended(conn: Connection) -> None:
    run(conn, "UPDATE calls SET state = 'ended', disposition = 'busy', ended_at = clock_timestamp()")
    call(conn, "a", 0, again=1)


def test_two_teams_may_call_one_number_at_once(conn: Connection) -> None:
    furnish(conn, "b")  # the same number, and live


# -- counters_add_up: a call is settled once


@pytest.mark.parametrize(
    "change",
    [
        "state = 'in_progress', ended_at = NULL, disposition = NULL",
        "disposition = 'answered'",
        "ended_at = ended_at + interval '1 second'",
    ],
)
def test_an_ended_call_cannot_reopen_or_end_differently(conn: Connection, change: str) -> None:
    call(conn, "a", 1, **ended("busy"))
    with pytest.raises(DBAPIError) as caught:
        run(conn, f"UPDATE calls SET {change} WHERE id = 'call_a_1_0'")
    assert caught.value.orig.sqlstate == MOVES_FORWARD


def test_an_ended_call_may_still_be_annotated(conn: Connection) -> None:
    call(conn, "a", 1, **ended("answered"))
    run(conn, "UPDATE calls SET machine_verdict = 'human', late_evidence_at = clock_timestamp()")


@pytest.mark.parametrize("state", CallState)
def test_a_call_cannot_move_back(conn: Connection, state: CallState) -> None:
    more = ended() if state is CallState.ENDED else RESERVED if state is CallState.RESERVED else {"state": state}
    call(conn, "a", 1, **more)
    for earlier in (other for other in CallState if CALL_ORDER[other] < CALL_ORDER[state]):
        with pytest.raises(DBAPIError) as caught:
            run(conn, "UPDATE calls SET state = CAST(:to AS call_state) WHERE id = 'call_a_1_0'", to=earlier)
        assert caught.value.orig.sqlstate == MOVES_FORWARD


def test_a_call_is_counted_once(conn: Connection) -> None:
    count = "INSERT INTO counter_deltas (campaign_id, call_id, disposition) VALUES ('camp_a', 'call_a_0_0', 'busy')"
    run(conn, count)
    with pytest.raises(IntegrityError, match="counter_deltas_call_id_key"):
        run(conn, count)


# -- one open run, one of everything that there is one of


def test_a_campaign_has_one_open_run(conn: Connection) -> None:
    with pytest.raises(IntegrityError, match="runs_one_open"):
        run(conn, "INSERT INTO runs (id, team_id, campaign_id, opened_by) VALUES ('r', 'team_a', 'camp_a', 'api')")


def test_a_callback_is_kept_once(conn: Connection) -> None:
    with pytest.raises(IntegrityError, match="call_events_token_event_id_key"):
        run(
            conn,
            "INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind)"
            " SELECT carrier, token, event_id, 'another', 'answered' FROM call_events",
        )


def test_a_token_leads_to_one_call(conn: Connection) -> None:
    with pytest.raises(IntegrityError, match="calls_by_token"):
        run(conn, 'INSERT INTO calls SELECT (jsonb_populate_record(k, \'{"id": "other"}\')).* FROM calls k')


# -- the clock


def test_business_time_is_machine_time_unless_the_clock_is_set(conn: Connection) -> None:
    apart = conn.execute(text("SELECT dialer_now() - clock_timestamp()")).scalar_one()
    assert abs(apart) < timedelta(seconds=1)
    assert conn.execute(text("SELECT dialer_speed()")).scalar_one() == 1


def test_a_stopped_clock_stands_still_and_a_fast_one_runs(conn: Connection) -> None:
    conn.execute(text("SELECT dialer_set_clock(:at, 0)"), {"at": FAR})
    assert conn.execute(text("SELECT dialer_now()")).scalar_one() == FAR
    assert conn.execute(text("SELECT dialer_speed()")).scalar_one() == 1
    conn.execute(text("SELECT dialer_set_clock(:at, 3600)"), {"at": FAR})
    conn.execute(text("UPDATE clock SET real_at = real_at - interval '1 minute'"))
    passed = conn.execute(text("SELECT dialer_now() - CAST(:at AS timestamptz)"), {"at": FAR}).scalar_one()
    assert timedelta(hours=60) <= passed < timedelta(hours=61)
    assert conn.execute(text("SELECT dialer_speed()")).scalar_one() == 3600


def test_the_clock_only_moves_forward(conn: Connection) -> None:
    conn.execute(text("SELECT dialer_set_clock(:at, 0)"), {"at": FAR})
    conn.execute(text("SELECT dialer_set_clock(:at, 0)"), {"at": FAR})
    with pytest.raises(DBAPIError, match="business time only moves forward") as caught:
        run(conn, "SELECT dialer_set_clock(CAST(:at AS timestamptz), 0)", at=FAR - timedelta(microseconds=1))
    assert caught.value.orig.sqlstate == "DL001"
    assert conn.execute(text("SELECT dialer_now()")).scalar_one() == FAR


def test_a_fast_clock_cannot_be_set_back_to_where_it_was_a_moment_ago(conn: Connection) -> None:
    conn.execute(text("SELECT dialer_set_clock(:at, 3600)"), {"at": NOON})
    conn.execute(text("UPDATE clock SET real_at = real_at - interval '1 minute'"))
    with pytest.raises(DBAPIError, match="business time only moves forward"):
        run(conn, "SELECT dialer_set_clock(CAST(:at AS timestamptz), 1)", at=NOON + timedelta(hours=59))
