"""What is kept of news: in number what is of no call of ours, in age what was received."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.rows import NOON, add, call, ended, furnish, token
from worker.store import retention, tables

NEWS = """
INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, outcome, raw, received_at)
SELECT CAST(:carrier AS carrier), 't', :carrier || :outcome || :days || n, 'c', 'ringing', nullif(:outcome, ''),
       '{"said": "much"}', clock_timestamp() - :days * interval '1 day'
FROM generate_series(1, :count) AS n
"""


def come(conn: Connection, count: int, carrier: str, outcome: str, days: int = 0) -> None:
    conn.execute(text(NEWS), {"carrier": carrier, "outcome": outcome, "days": days, "count": count})


def left(conn: Connection) -> dict[tuple[str, str | None], int]:
    rows = conn.execute(text("SELECT carrier::text, outcome, count(*) FROM call_events GROUP BY 1, 2"))
    return {(carrier, outcome): count for carrier, outcome, count in rows}


def unread(conn: Connection) -> int:
    """How many events still have what was received."""
    return int(conn.execute(text("SELECT count(*) FROM call_events WHERE raw <> '{}'")).scalar_one())


def test_of_each_carriers_news_of_no_call_of_ours_the_newest_are_kept_and_the_others_counted(conn: Connection) -> None:
    come(conn, 7, "twilio", "unknown_token")
    come(conn, 3, "twilio", "foreign")
    come(conn, 5, "telnyx", "foreign")
    come(conn, 9, "twilio", "moved")
    come(conn, 9, "twilio", "")
    for _ in range(2):
        retention.drop(conn, kept=4, days=30)
    assert left(conn) == {
        ("twilio", "unknown_token"): 4,
        ("twilio", "foreign"): 3,
        ("telnyx", "foreign"): 4,
        ("twilio", "moved"): 9,
        ("twilio", None): 9,
    }
    newest = conn.execute(text("SELECT max(event_id) FROM call_events WHERE outcome = 'unknown_token'")).scalar_one()
    assert newest == "twiliounknown_token07"
    kept = {(row.carrier, row.outcome): (row.seen, row.kept) for row in retention.ignored(conn)}
    assert kept == {("telnyx", "foreign"): (5, 4), ("twilio", "foreign"): (3, 3), ("twilio", "unknown_token"): (7, 4)}


def test_nothing_is_kept_where_nothing_is_to_be_kept(conn: Connection) -> None:
    come(conn, 3, "twilio", "unknown_token")
    retention.drop(conn, kept=0, days=30)
    assert left(conn) == {}
    (row,) = retention.ignored(conn)
    assert (row.seen, row.kept, row.bytes, row.age_seconds) == (3, 0, 0, None)


def test_news_of_no_call_of_ours_goes_when_it_is_old(conn: Connection) -> None:
    come(conn, 3, "twilio", "foreign", days=31)
    come(conn, 2, "twilio", "foreign", days=29)
    come(conn, 2, "twilio", "moved", days=31)
    retention.drop(conn, kept=100, days=30)
    assert left(conn) == {("twilio", "foreign"): 2, ("twilio", "moved"): 2}


def test_a_flood_goes_in_small_batches(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "DROPPED_AT_ONCE", 3)
    come(conn, 10, "twilio", "unknown_token")
    sizes = []
    for _ in range(4):
        retention.drop(conn, kept=2, days=30)
        sizes.append(left(conn)[("twilio", "unknown_token")])
    assert sizes == [7, 4, 2, 2]


def test_bodies_of_settled_news_are_cleared_when_they_are_old_batch_after_batch(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CLEARED_AT_ONCE", 4)
    come(conn, 9, "twilio", "moved", days=31)
    come(conn, 1, "telnyx", "", days=31)
    come(conn, 5, "simulator", "moved", days=29)
    before = left(conn)
    kept = []
    for _ in range(5):
        retention.clear(conn, days=30)
        kept.append(unread(conn))
    assert kept == [11, 7, 6, 6, 6], "what waits to be settled, and what is young"
    assert left(conn) == before
    retention.clear(conn, days=28)
    retention.clear(conn, days=28)
    assert unread(conn) == 1


def test_one_that_is_young_among_the_old_is_not_passed_over(conn: Connection) -> None:
    """Two are written at once, and the later of them gets the smaller number."""
    come(conn, 2, "twilio", "moved", days=31)
    come(conn, 1, "telnyx", "moved", days=29)
    come(conn, 2, "simulator", "moved", days=31)
    retention.clear(conn, days=30)
    assert unread(conn) == 3
    conn.execute(text("UPDATE call_events SET received_at = received_at - interval '5 days'"))
    retention.clear(conn, days=30)
    assert unread(conn) == 0


# -- by age


def test_settled_events_go_when_they_are_old_batch_after_batch(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "DELETED_AT_ONCE", 4)
    come(conn, 6, "twilio", "moved", days=41)
    come(conn, 1, "telnyx", "", days=41)
    come(conn, 2, "telnyx", "foreign", days=41)
    come(conn, 3, "simulator", "moved", days=39)
    assert [retention.delete_events(conn, days=40) for _ in range(5)] == [4, 2, 0, 0, 0]
    assert left(conn) == {("telnyx", None): 1, ("telnyx", "foreign"): 2, ("simulator", "moved"): 3}


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({}, True),
        (ended("answered"), False),
        (ended("lost") | {"late_evidence_at": NOON}, True),
    ],
    ids=["live", "ended", "ended, and spoken of as alive"],
)
def test_what_was_said_of_a_call_in_doubt_stays_as_long_as_the_call(
    conn: Connection, values: dict[str, Any], stays: bool
) -> None:
    furnish(conn, "a")
    call_id = call(conn, "a", 1, **values)
    add(
        conn, tables.call_events, carrier="simulator", token=token(call_id), event_id="e", carrier_call_id="c",
        kind="ringing", outcome="moved", received_at=NOON,
    )  # fmt: skip
    gone = retention.delete_events(conn, days=0)
    assert (gone == 0) == stays


def test_lines_of_the_audit_log_go_when_they_are_old(conn: Connection) -> None:
    for days in (50, 41, 39):
        conn.execute(
            text("""INSERT INTO audit_log (actor, action, subject_id, at)
                    VALUES ('a', 'do', :subject, clock_timestamp() - :days * interval '1 day')"""),
            {"subject": f"{days}", "days": days},
        )
    assert [retention.delete_audit(conn, days=40) for _ in range(2)] == [2, 0]
    assert list(conn.execute(text("SELECT subject_id FROM audit_log")).scalars()) == ["39"]


def test_how_much_is_kept_is_known_of_each_table(conn: Connection) -> None:
    found = {row.name: row for row in retention.kept(conn, retention.KEPT_TABLES)}
    assert found.keys() == set(retention.KEPT_TABLES)
    assert all(row.bytes > 0 and row.rows >= 0 for row in found.values())
