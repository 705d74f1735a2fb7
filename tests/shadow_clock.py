"""Set the clock of a PostgreSQL database forward and back, as an operator or a time server would set its machine's.

``make`` gives a database its own ``clock_timestamp()``, ``now()``, ``statement_timestamp()`` and
``transaction_timestamp()``, which stand before the server's in the search path of every new session and add an offset
to what those say. The offset is the value of a sequence, for that is outside transactions, as a clock is: a move is
seen by every session at once, in the middle of a transaction too, and costs a reader next to nothing.

A DEFAULT goes by the function that was found when it was written down; ``make`` writes those of tables there are down
again, so that it may come before the migrations or after them. Sessions opened before ``make`` keep the true clock.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

FUNCTIONS = {
    "clock_timestamp": "VOLATILE",
    "statement_timestamp": "STABLE",
    "transaction_timestamp": "STABLE",
    "now": "STABLE",
}
NEW = """
CREATE SCHEMA shadow;
CREATE SEQUENCE shadow.seconds_ahead MINVALUE -1000000000 START 0;
SELECT setval('shadow.seconds_ahead', 0);
"""
SHADOW = """
CREATE FUNCTION public.{name}() RETURNS timestamptz LANGUAGE sql {volatility} PARALLEL RESTRICTED AS $$
    SELECT pg_catalog.{name}()
           + pg_catalog.pg_sequence_last_value('shadow.seconds_ahead'::pg_catalog.regclass)
           * '1 second'::pg_catalog.interval
$$;
"""
DEFAULTS = """
SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s()', d.adrelid::regclass, a.attname,
              (regexp_match(pg_get_expr(d.adbin, d.adrelid), '(\\w+)\\(\\)'))[1])
FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE pg_get_expr(d.adbin, d.adrelid) ~ '^(pg_catalog\\.)?(clock_timestamp|now|statement_timestamp)\\(\\)$'
"""


def make(database_url: str) -> None:
    """Give the database, empty or with the schema, a clock that can be set; for sessions opened from now on."""
    with psycopg.connect(database_url, autocommit=True) as database:
        name = sql.Identifier(database.info.dbname)
        database.execute(sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(name))
        database.execute("SET search_path = public, pg_catalog")
        database.execute(NEW)
        for function, volatility in FUNCTIONS.items():
            database.execute(SHADOW.format(name=function, volatility=volatility).encode())
        for (statement,) in database.execute(DEFAULTS.encode()).fetchall():
            database.execute(statement)


def move(database_url: str, seconds: int) -> None:
    """Set the clock so many seconds forward from where it stands; back, where they are negative."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("SELECT setval('shadow.seconds_ahead', last_value + %s) FROM shadow.seconds_ahead", [seconds])


def ahead(database_url: str) -> int:
    """How many seconds the clock stands before the true one."""
    with psycopg.connect(database_url, autocommit=True) as database:
        row = database.execute("SELECT last_value FROM shadow.seconds_ahead").fetchone()
    assert row is not None
    return int(row[0])
