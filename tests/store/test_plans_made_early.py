"""Plans made while the tables were empty serve when they are full: sessions keep the plans they have made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import md5
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, TextClause

from tests.store.rows import campaign, furnish
from tests.store.test_plans import CROWD, NEWS, PAGE, TEAM, array, nodes, reads_little, unbounded
from worker.dev.stack import Stack
from worker.store import calls, candidates, claims, dialing, events, moves
from worker.store.database import open_database

BATCH = 25
IDS = [f"k{n}" for n in range(1, BATCH + 1)]
NOTHING = array(*["NULL"] * BATCH).replace('"', "")


def alike(value: object) -> str:
    return array(*[value] * BATCH)


FEW = """
SET LOCAL session_replication_role = replica;
INSERT INTO contacts (id, team_id, phone_e164) SELECT 'd' || n, 'team_a', '+1505' || 1000000 + n
FROM generate_series(1, 3600) AS n;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
SELECT 'team_a', 'camp_a_done', 'd' || n, 'infinity' FROM generate_series(1, 3600) AS n;
"""
MORE = f"""
INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, status, scheduled_start_at)
SELECT 'camp_' || n, c.team_id, c.assistant_id, c.company_id, 'Later', 'scheduled', 'infinity'
FROM campaigns c CROSS JOIN generate_series(1, 20000) AS n WHERE c.id = 'camp_a';
UPDATE calls SET state = 'reserved', disposition = NULL, ended_at = NULL
WHERE id IN ({", ".join(f"'{call}'" for call in IDS)})
"""
ADVANCED = dict.fromkeys(
    (
        "carrier_call_id",
        "disposition",
        "cause",
        "verdict",
        "check_in_seconds",
        "contact_status",
        "due_in_seconds",
        "reason",
        "outcome_wait_seconds",
    ),
    NOTHING,
) | {
    "call_id": array(*IDS),
    "state": alike("reserved"),
    "at_most": alike("in_progress"),
    **dict.fromkeys(("rang", "missed", "late_evidence", "counts", "reached"), alike("false")),
    **dict.fromkeys(("technical", "rejected", "invalid"), alike(0)),
}
HOT: Mapping[str, tuple[TextClause, Mapping[str, str]]] = {
    "candidates.CANDIDATES": (
        candidates.CANDIDATES,
        {"team": TEAM, "ids": array("camp_a"), "most": "200", "starved": "true", "recovery": "60", **PAGE},
    ),
    "claims.LOCK": (claims.LOCK, {"team": TEAM, "ids": array("camp_a"), "starved": "true"}),
    "claims.PICK": (
        claims.PICK,
        {
            "team": TEAM,
            "campaign_id": array("camp_a"),
            "zone": array(""),
            "most": array(BATCH),
            "with_person": array("false"),
            "by_place": array("false"),
            **unbounded(1),
        },
    ),
    "dialing.RESERVED_CALLS": (dialing.RESERVED_CALLS, {"ids": array(*IDS), "recovery": "60", "sharing": "'{}'"}),
    "dialing.COMMIT_DIALING": (
        dialing.COMMIT_DIALING,
        {
            "call_id": array(*IDS),
            "valid_until": alike("2037-01-01"),
            "policy_version": alike(1),
            "law": alike("{}"),
            "request": "18",
            "overhead": "90",
            "callee": "3600",
        },
    ),
    "moves.ADVANCE": (moves.ADVANCE, ADVANCED),
    "calls.BY_TOKEN": (
        calls.BY_TOKEN,
        {"tokens": array(*(md5(str(n + 1).encode()).hexdigest() for n in range(BATCH)))},
    ),
    "events.INSERT": (events.INSERT, NEWS),
    "events.TAKE": (events.TAKE, {"most": "200"}),
    "events.DRAINED": (events.DRAINED, {"event_id": array(*range(1, BATCH + 1)), "outcome": alike("moved")}),
}
"""The statements every call goes through, each as it is asked about a batch."""
ABOUT_CAMPAIGNS = (claims.LOCK, candidates.CANDIDATES)


@pytest.fixture(scope="module")
def early(stack: Stack, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that planned everything when little was in the tables; now they are full, and nobody has analyzed
    them."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE store_early TEMPLATE {template}")
        engine = open_database(stack.postgres.url_of("store_early"), pool_size=1, statement_ms=0)
        try:
            yield from _planned(engine)
        finally:
            engine.dispose()
            server.execute("DROP DATABASE store_early WITH (FORCE)")


def _planned(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    with engine.begin() as conn:
        furnish(conn, "a")
        campaign(conn, "a", "_zones")
        campaign(conn, "a", "_done")
    with engine.connect() as conn:
        session: Any = conn.connection.driver_connection
        session.autocommit, session.prepare_threshold = True, None
        session.execute(f"BEGIN; {FEW}; COMMIT")
        with session.transaction(force_rollback=True):  # a rollback makes the driver drop what it has prepared, and all
            session.execute("SELECT 1")  # with it; from here on it prepares nothing
        for name, (statement, values) in HOT.items():
            session.execute(f"PREPARE {_named(name)} AS {_numbered(statement, values)}")
            with session.transaction(force_rollback=True):
                session.execute(_asked(name, values))
        session.execute(f"BEGIN; {CROWD}; {MORE}; COMMIT")
        yield session


def _named(name: str) -> str:
    return name.replace(".", "_").lower()


def _numbered(statement: TextClause, values: Mapping[str, str]) -> str:
    names = list(values)
    return re.sub(r"(?<![:\w]):(\w+)", lambda name: f"${names.index(name[1]) + 1}", statement.text)


def _asked(name: str, values: Mapping[str, str]) -> str:
    return f"EXECUTE {_named(name)} ({', '.join(values.values())})"


@pytest.mark.parametrize("name", HOT)
def test_a_batch_reads_what_belongs_to_it_by_a_plan_made_early(early: psycopg.Connection[Any], name: str) -> None:
    asked = _asked(name, HOT[name][1])
    with early.transaction(force_rollback=True):
        row = early.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {asked}").fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] + sum(node.get("Actual Rows", 0) for node in nodes(plan)) > 0, "it does nothing"
    reads_little(plan, rows=300, pages=100 if HOT[name][0] in ABOUT_CAMPAIGNS else 3000)
