"""Counters are what a recount would say, whatever is done to the contacts, rolled up or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, TextClause, text

from tests.store.rows import call, campaign, ended, furnish
from worker.domain.model import ContactStatus
from worker.store import counters

CAMPAIGNS = ("camp_a_1", "camp_a_2")
PEOPLE = range(8)

RECOUNT = text("""
SELECT campaign_id, count(*) AS total,
       count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'queued') AS queued,
       count(*) FILTER (WHERE status = 'calling') AS calling, count(*) FILTER (WHERE status = 'completed') AS completed,
       count(*) FILTER (WHERE status = 'exhausted') AS exhausted, count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'skipped') AS skipped, count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE called) AS called, count(*) FILTER (WHERE answered) AS answered,
       count(*) FILTER (WHERE called AND status IN ('completed', 'exhausted', 'failed', 'skipped', 'cancelled'))
           AS finished
FROM campaign_contacts WHERE campaign_id = ANY(:ids) GROUP BY campaign_id
""")

PUT = text("""
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, status, called, answered, reason, due_at)
SELECT 'team_a', c, 'cont_' || n, CAST(:status AS contact_status), :called, :answered, 'a reason', dialer_now()
FROM unnest(CAST(:campaigns AS text[])) AS c, unnest(CAST(:people AS integer[])) AS n
ON CONFLICT (contact_id, campaign_id) DO UPDATE
SET status = excluded.status, called = excluded.called, answered = excluded.answered
""")
TURN = text("""
UPDATE campaign_contacts SET status = CAST(:status AS contact_status), called = :called, answered = :answered,
       reason = 'a reason'
WHERE campaign_id = ANY(:campaigns) AND contact_id IN (SELECT 'cont_' || n FROM unnest(CAST(:people AS integer[])) AS n)
""")
TAKE_OUT = text("""
DELETE FROM campaign_contacts
WHERE campaign_id = ANY(:campaigns) AND contact_id IN (SELECT 'cont_' || n FROM unnest(CAST(:people AS integer[])) AS n)
""")
MOVE_OVER = text("""
UPDATE campaign_contacts cc SET campaign_id = 'camp_a_2'
WHERE campaign_id = 'camp_a_1' AND contact_id IN (SELECT 'cont_' || n FROM unnest(CAST(:people AS integer[])) AS n)
  AND NOT EXISTS (SELECT FROM campaign_contacts o WHERE o.contact_id = cc.contact_id AND o.campaign_id = 'camp_a_2')
""")

some = st.fixed_dictionaries(
    {
        "campaigns": st.sampled_from([list(CAMPAIGNS), [CAMPAIGNS[0]], [CAMPAIGNS[1]]]),
        "people": st.lists(st.sampled_from(PEOPLE), unique=True, max_size=5),
    }
)
state = st.sampled_from(ContactStatus).flatmap(
    lambda status: st.fixed_dictionaries(
        {
            "status": st.just(status.value),
            "called": st.booleans(),
            "answered": st.just(True) if status is ContactStatus.COMPLETED else st.booleans(),
        }
    )
)
Change = tuple[TextClause, dict[str, Any], dict[str, Any]]
"""A statement, the campaigns and contacts it is done to, and what it makes of them."""

changes = st.one_of(
    st.tuples(st.just(PUT), some, state),
    st.tuples(st.just(TURN), some, state),
    st.tuples(st.just(TAKE_OUT), some, st.just({})),
    st.tuples(st.just(MOVE_OVER), some.map(lambda chosen: {"people": chosen["people"]}), st.just({})),
    st.integers(0, 5),
)


@pytest.fixture
def two_campaigns(conn: Connection) -> Connection:
    furnish(conn, "a")
    for name in ("_1", "_2"):
        campaign(conn, "a", name)
    conn.execute(text("INSERT INTO contacts (id, team_id) SELECT 'cont_' || n, 'team_a' FROM generate_series(0, 7) n"))
    return conn


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(changes, max_size=10))
def test_counters_say_what_a_recount_says(two_campaigns: Connection, steps: list[Change | int]) -> None:
    conn, example = two_campaigns, two_campaigns.begin_nested()
    try:
        for step in steps:
            if isinstance(step, int):
                counters.roll_up(conn, most=step)
            else:
                statement, chosen, values = step
                conn.execute(statement, {**chosen, **values})
            assert counters.read(conn, CAMPAIGNS) == recount(conn)
        while counters.roll_up(conn, most=5):
            assert counters.read(conn, CAMPAIGNS) == recount(conn)
    finally:
        example.rollback()


def recount(conn: Connection) -> Mapping[str, Mapping[str, int]]:
    counts = {name: dict.fromkeys(counters.COLUMNS, 0) for name in CAMPAIGNS}
    for row in conn.execute(RECOUNT, {"ids": list(CAMPAIGNS)}).mappings():
        counts[row["campaign_id"]] = {column: row[column] for column in counters.COLUMNS}
    return counts


def test_dispositions_are_the_same_before_and_after_they_are_rolled_up(conn: Connection) -> None:
    furnish(conn, "a")
    for n, disposition in enumerate(["busy", "busy", "answered"], start=1):
        made = call(conn, "a", n, **ended(disposition))
        count = text("INSERT INTO counter_deltas (campaign_id, call_id, disposition) VALUES ('camp_a', :call, :as)")
        conn.execute(count, {"call": made, "as": disposition})
    before = {name: calls for name, calls in counters.dispositions(conn, "camp_a").items() if calls}
    while counters.roll_up(conn, most=2):
        pass
    after = counters.dispositions(conn, "camp_a")
    assert before == after == {"answered": 1, "busy": 2}
    assert conn.execute(text("SELECT count(*) FROM counter_deltas")).scalar_one() == 0


def test_a_campaign_that_never_had_a_contact_counts_nothing(conn: Connection) -> None:
    assert counters.read(conn, ["camp_none"]) == {"camp_none": dict.fromkeys(counters.COLUMNS, 0)}


def test_a_statement_that_moves_no_contact_leaves_no_delta(conn: Connection) -> None:
    furnish(conn, "a")
    counters.roll_up(conn)
    conn.execute(text("UPDATE campaign_contacts SET status = 'queued' WHERE status = 'skipped'"))
    assert counters.roll_up(conn) == 0
