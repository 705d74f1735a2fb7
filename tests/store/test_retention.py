"""What is kept of news: in number what is of no call of ours, in age what was received."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from worker.store import retention

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
