"""What a foreign key's check reads is the row it asks for, however small the tables were when it was planned.

PostgreSQL plans the check of a key once a session. Sessions live long, a fresh database is never analyzed before it
has grown, and all indexes of a small table cost the same: a plan made then, through an index of which the key's first
column is the first too, would go through all rows of a team for each row that is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

import worker
from worker.dev.stack import Stack
from worker.store.database import open_database

PLANNED_AT = (0, 20, 60, 110, 150, 190, 250, 400)
"""Rows in every table when the checks are planned: none, and around the sizes at which an index gets another page."""
MANY = 4000
MOST_PAGES = 8
"""Of an index four levels deep and its table. Through all rows of a team it would be a hundred."""

KEYS = """
SELECT c.conname AS name, CAST(CAST(c.conrelid AS regclass) AS text) AS child,
       CAST(CAST(c.confrelid AS regclass) AS text) AS parent,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS u (n, nth)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = u.n ORDER BY nth) AS here,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS u (n, nth)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = u.n ORDER BY nth) AS there
FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = CAST('public' AS regnamespace) ORDER BY 1
"""
INDEXES = """
SELECT CAST(CAST(i.indrelid AS regclass) AS text) AS owner, CAST(CAST(i.indexrelid AS regclass) AS text) AS name,
       i.indisunique AS is_unique,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS u (n, nth)
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n ORDER BY nth) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = CAST('public' AS regnamespace) AND i.indpred IS NULL
"""
PAGES_OF_INDEXES = """
SELECT sum(pg_stat_get_xact_blocks_fetched(indexrelid)) FROM pg_index
WHERE indrelid = ANY(CAST('{contacts,campaigns}' AS regclass[]))
"""
GROW = {
    "teams": "INSERT INTO teams (id, slug, name) SELECT {id}, 's' || n, 'A team'",
    "companies": "INSERT INTO companies (id, team_id, name) SELECT {id}, 'one', 'A company'",
    "assistants": "INSERT INTO assistants (id, team_id, name) SELECT {id}, 'one', 'An assistant'",
    "carrier_accounts": (
        "INSERT INTO carrier_accounts (id, team_id, carrier, name) SELECT {id}, 'one', 'simulator', 'An account'"
    ),
    "phone_numbers": (
        "INSERT INTO phone_numbers (id, team_id, account_id, number) SELECT {id}, 'one', 'one', '+1202' || 2000000 + n"
    ),
    "contacts": "INSERT INTO contacts (id, team_id) SELECT {id}, 'one'",
    "campaigns": (
        "INSERT INTO campaigns (id, team_id, assistant_id, company_id, name)"
        " SELECT {id}, 'one', 'one', 'one', 'A campaign'"
    ),
    "runs": (
        "INSERT INTO runs (id, team_id, campaign_id, opened_by, state, ended_at)"
        " SELECT {id}, 'one', 'one', 'api', 'ended', now()"
    ),
    "campaign_contacts": (
        "INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at) SELECT 'one', 'one', {id}, now()"
    ),
    "calls": (
        "INSERT INTO calls (id, team_id, campaign_id, run_id, contact_id, number_id, account_id, token, from_number,"
        " to_number, zone, claim_limits, state, disposition, ended_at)"
        " SELECT {id}, 'one', 'one', 'one', {id}, 'one', 'one', md5('' || n), '1', '' || n, '', '{{9}}', 'ended',"
        " 'not_sent', now()"
    ),
}
"""More rows of each table, ``n`` counting them, that are all of one team, campaign, account."""


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key: the columns ``here`` of ``child`` name a row of ``parent`` by the columns ``there``."""

    name: str
    child: str
    parent: str
    here: tuple[str, ...]
    there: tuple[str, ...]


@pytest.fixture(scope="module")
def grown(stack: Stack, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that has planned every check while the tables grew, and never saw statistics of them."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE store_keys TEMPLATE {template}")
        engine = open_database(stack.postgres.url_of("store_keys"), pool_size=1, statement_ms=0)
        try:
            with engine.connect() as conn:
                session: Any = conn.connection.driver_connection
                session.autocommit, session.prepare_threshold = True, None
                _grow(session)
                yield session
        finally:
            engine.dispose()
            server.execute("DROP DATABASE store_keys WITH (FORCE)")


def _grow(session: psycopg.Connection[Any]) -> None:
    for table in GROW:
        session.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    session.execute("SET session_replication_role = replica")  # rows that point nowhere will do
    keys, rows = keys_of(session), 0
    for size in (*PLANNED_AT, MANY):
        for statement in GROW.values():
            id_of_n = "'id_' || lpad('' || n, 26, '0')"
            session.execute(f"{statement.format(id=id_of_n)} FROM generate_series({rows + 1}, {size}) AS n")
        rows = size
        for nth, key in enumerate(keys if size < MANY else ()):
            for side, table, columns in sides(session, key):
                asked = " AND ".join(f"{column} = ${i}" for i, column in enumerate(columns, 1))
                name = f"{side}_{nth}_{size}"
                session.execute(f"PREPARE {name} AS SELECT 1 FROM ONLY {table} x WHERE {asked} FOR KEY SHARE OF x")
                session.execute(f"EXECUTE {name} ({', '.join(['NULL'] * len(columns))})")


def sides(session: psycopg.Connection[Any], key: Key) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What PostgreSQL asks when a row that points is written, and when one that is pointed at goes away, as it does
    from some tables."""
    yield "there", key.parent, key.there
    if key.parent in deleted_from():
        yield "here", key.child, key.here


def keys_of(session: psycopg.Connection[Any]) -> list[Key]:
    rows = session.execute(KEYS).fetchall()
    return [Key(name, child, parent, tuple(here), tuple(there)) for name, child, parent, here, there in rows]


@cache
def deleted_from() -> set[str]:
    """The tables from which any statement of the product deletes."""
    sources = Path(worker.__file__).parent.rglob("*.py")
    return {table for source in sources for table in re.findall(r"DELETE FROM (\w+)", source.read_text())}


def test_every_table_that_is_pointed_at_is_looked_at(grown: psycopg.Connection[Any]) -> None:
    keys = keys_of(grown)
    assert {key.parent for key in keys} <= set(GROW)
    assert {key.child for key in keys if key.parent in deleted_from()} == {"calls"}


def test_a_check_reads_its_row_by_whatever_plan_was_made_while_the_tables_were_small(
    grown: psycopg.Connection[Any],
) -> None:
    walked, asked = [], 0
    for nth, key in enumerate(keys_of(grown)):
        for side, table, columns in sides(grown, key):
            row = grown.execute(f"SELECT {', '.join(columns)} FROM {table} OFFSET {MANY // 2} LIMIT 1").fetchone()
            assert row is not None
            values = ", ".join("NULL" if value is None else f"'{value}'" for value in row)
            for size in PLANNED_AT:
                execute = f"EXECUTE {side}_{nth}_{size} ({values})"
                found = grown.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}").fetchone()
                assert found is not None
                plan = found[0][0]["Plan"]
                pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                asked += 1
                if pages > MOST_PAGES:
                    walked.append((key.name, side, size, pages))
    assert asked == len(PLANNED_AT) * (len(keys_of(grown)) + 1)
    assert not walked


def test_no_index_but_a_key_begins_with_a_column_of_a_key(grown: psycopg.Connection[Any]) -> None:
    """What the planner cannot choose, it cannot choose wrongly; which sizes mislead it is its own affair."""
    indexes = [(owner, name, is_unique, columns) for owner, name, is_unique, columns in grown.execute(INDEXES)]
    for key in keys_of(grown):
        for side, table, wanted in sides(grown, key):
            mine = [(name, is_unique, columns) for owner, name, is_unique, columns in indexes if owner == table]
            others = [
                name
                for name, is_unique, columns in mine
                if columns[0] in wanted and not (set(columns) <= set(wanted) and (is_unique or side == "here"))
            ]
            assert not others, f"{key.name}: {', '.join(others)}"
            assert any(columns[0] in wanted and set(columns) <= set(wanted) for _, _, columns in mine), key.name


def test_adding_contacts_to_a_campaign_on_a_fresh_database_reads_by_the_contact(stack: Stack, template: str) -> None:
    """The check itself, by its trigger: whoever was added first, to a table that was empty, is planned for."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE store_fresh TEMPLATE {template}")
        engine = open_database(stack.postgres.url_of("store_fresh"), pool_size=1, statement_ms=0)
        try:
            with engine.connect() as conn:
                session: Any = conn.connection.driver_connection
                session.autocommit = True
                few, many = (_pages_of_adding(session, first, last) for first, last in ((1, 50), (51, 2050)))
        finally:
            engine.dispose()
            server.execute("DROP DATABASE store_fresh WITH (FORCE)")
    assert many / 2000 < 2 * few / 50, f"{few} pages for 50 contacts, {many} for 2000"


def _pages_of_adding(session: psycopg.Connection[Any], first: int, last: int) -> int:
    if first == 1:
        for table in ("teams", "companies", "assistants", "campaigns"):
            session.execute(f"{GROW[table].format(id=repr('one'))} FROM generate_series(1, 1) AS n")
    some, id_of_n = f"FROM generate_series({first}, {last}) AS n", "'id_' || n"
    session.execute(f"{GROW['contacts'].format(id=id_of_n)} {some}")
    with session.transaction():
        session.execute(f"{GROW['campaign_contacts'].format(id=id_of_n)} {some}")
        found = session.execute(PAGES_OF_INDEXES).fetchone()
    assert found is not None
    return int(found[0])
