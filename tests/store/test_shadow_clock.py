"""The clock that tests set moves all that machine time is read from, for everybody at once."""

from __future__ import annotations

import psycopg
import pytest

from tests import shadow_clock
from worker.store.database import open_database
from worker.store.migrate import migrate

READ = """
SELECT extract(epoch FROM {0}() - pg_catalog.{0}())::float
"""


@pytest.mark.parametrize("made", ["before the migrations", "after them"])
def test_every_reading_of_the_clock_moves_with_it(empty_database_url: str, made: str) -> None:
    if made == "before the migrations":
        shadow_clock.make(empty_database_url)
    engine = open_database(empty_database_url, pool_size=1)
    migrate(engine)
    engine.dispose()
    if made == "after them":
        shadow_clock.make(empty_database_url)
    with psycopg.connect(empty_database_url) as session:
        for way in (0, 3600, -7200):
            shadow_clock.move(empty_database_url, way)  # in the middle of the session's transaction
            ahead = shadow_clock.ahead(empty_database_url)
            for name in shadow_clock.FUNCTIONS:
                row = session.execute(READ.format(name).encode()).fetchone()
                assert row is not None
                assert abs(row[0] - ahead) < 1, name
            row = session.execute("SELECT extract(epoch FROM dialer_now() - pg_catalog.clock_timestamp())").fetchone()
            assert row is not None
            assert abs(float(row[0]) - ahead) < 1
            row = session.execute(
                "INSERT INTO teams (id, slug, name) VALUES (%s, %s, 'A team')"
                " RETURNING extract(epoch FROM created_at - pg_catalog.clock_timestamp())",
                [f"team_{way}", f"team-{abs(way)}"],
            ).fetchone()
            assert row is not None
            assert abs(float(row[0]) - ahead) < 60
