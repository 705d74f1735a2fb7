"""Calls that have ended since the last vacuum cost what is asked every second nothing: who goes over them first marks
them in the index it goes by, and nobody reads them again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from tests.store.rows import furnish
from tests.store.test_plans import GIVEN, PERIODIC, explain

CALLS = 2000
PLACED = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO calls (id, team_id, campaign_id, run_id, contact_id, number_id, account_id, token, from_number, to_number,
                   zone, claim_limits, carrier_call_id)
SELECT 'k' || n, 'team_a', 'camp_a', 'run_a', 'c' || n, 'pn_a', 'acct_a', md5(n::text), '+12025550100',
       '+1303' || 1000000 + n, '', '{{9,9,9,9}}', 'c' || n
FROM generate_series(1, {CALLS}) AS n
"""
ENDED = """
SET LOCAL session_replication_role = replica;
UPDATE calls SET state = 'ended', disposition = 'not_sent', ended_at = clock_timestamp()
WHERE token = md5(substr(id, 2))
"""


@pytest.fixture
def session(engine: Engine) -> Any:
    """A session of ours, on a database where many calls have just ended and nobody has cleared away behind them."""
    with engine.begin() as conn:
        furnish(conn, "a")
        conn.exec_driver_sql("ALTER TABLE calls SET (autovacuum_enabled = off)")
        conn.exec_driver_sql(PLACED)
    with engine.begin() as conn:
        conn.exec_driver_sql(ENDED)
        conn.exec_driver_sql("ANALYZE")
    with engine.connect() as conn:
        driver: Any = conn.connection.driver_connection
        driver.rollback()
        driver.autocommit, driver.prepare_threshold = True, None
        yield driver
        conn.invalidate()


@pytest.mark.parametrize("name", PERIODIC)
def test_what_is_asked_every_second_goes_over_ended_calls_once(session: Any, name: str) -> None:
    explain(session, PERIODIC[name], **GIVEN)
    plan = explain(session, PERIODIC[name], **GIVEN)
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= (200 if name == "wakes.TAKE" else 100)
