"""Hundreds of running campaigns that cannot be filled, beside those that can: their account is disabled or rests, or
their window is shut until tomorrow. None of their contacts may ever be called, and nobody else may wait for them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from random import Random

import psycopg

from tests.chaos.faults import Undoing
from tests.chaos.harness import Chaos

PREFIX = "camp_barren_"
AT_ONCE = 240
"""More than any step takes in one batch."""

ACCOUNTS = """
INSERT INTO carrier_accounts (id, team_id, carrier, name, enabled, resting_until, resting_reason)
SELECT 'acc_barren_' || way || '_' || t.id, t.id, 'simulator', 'A barren account', way <> 'disabled',
       CASE WHEN way = 'rests' THEN clock_timestamp() + interval '2 days' END,
       CASE WHEN way = 'rests' THEN 'it is to rest' END
FROM teams t CROSS JOIN unnest(ARRAY['disabled', 'rests', 'shut']) AS way
ON CONFLICT DO NOTHING
"""
NUMBERS = """
INSERT INTO phone_numbers (id, team_id, account_id, number)
SELECT 'pn_' || a.id, a.team_id, a.id, '+1212555' || (1000 + row_number() OVER (ORDER BY a.id))
FROM carrier_accounts a WHERE a.id LIKE 'acc\\_barren\\_%'
ON CONFLICT DO NOTHING
"""
CONTACTS = """
INSERT INTO contacts (id, team_id, phone, phone_e164)
SELECT 'cont_barren_' || id, id, number, number
FROM (SELECT id, '+1304200' || (1000 + row_number() OVER (ORDER BY id)) AS number FROM teams) AS t
ON CONFLICT DO NOTHING
"""
CAMPAIGNS = """
WITH made AS (
    INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, call_window_start, call_window_end,
                           call_window_timezone)
    SELECT n.prefix || lpad(n.n::text, 4, '0'), t.id, 'asst_' || t.id, 'comp_' || t.id, 'Barren ' || n.n,
           CASE WHEN n.way = 'shut' THEN to_char(dialer_now() + interval '11 hours', 'HH24:MI') END,
           CASE WHEN n.way = 'shut' THEN to_char(dialer_now() + interval '12 hours', 'HH24:MI') END,
           CASE WHEN n.way = 'shut' THEN 'UTC' END
    FROM (SELECT n, %(prefix)s AS prefix, (ARRAY['disabled', 'rests', 'shut'])[1 + n %% 3] AS way
          FROM generate_series(1, %(count)s) AS n) AS n
    CROSS JOIN (SELECT * FROM teams WHERE id = %(team)s) AS t
    RETURNING id, team_id),
opened AS (
    INSERT INTO runs (id, team_id, campaign_id, opened_by) SELECT 'run_' || id, team_id, id, 'api' FROM made),
called_from AS (
    INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
    SELECT team_id, id, 'pn_acc_barren_' || (ARRAY['disabled', 'rests', 'shut'])
               [1 + right(id, 4)::integer %% 3] || '_' || team_id, 0 FROM made),
zones AS (INSERT INTO campaign_zones (campaign_id, zone) SELECT id, '' FROM made)
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
SELECT team_id, id, 'cont_barren_' || team_id, dialer_now() FROM made
"""
RUN = """
UPDATE campaigns SET status = 'running', run_id = 'run_' || id, next_wake_at = dialer_now()
WHERE id LIKE %s AND status = 'draft'
"""


def create(chaos: Chaos, dice: Random) -> Undoing:
    """They stay, beside whatever else is to recover."""
    batch = f"{PREFIX}{dice.randrange(1 << 30):x}_"
    with (
        contextlib.suppress(psycopg.Error),  # the server is away, or its disk is full
        psycopg.connect(chaos.environment["DATABASE_URL"], connect_timeout=2) as database,
    ):
        for statement in (ACCOUNTS, NUMBERS, CONTACTS):
            database.execute(statement.encode())
        team = dice.choice(("team_one", "team_two"))
        database.execute(CAMPAIGNS.encode(), {"prefix": batch, "count": AT_ONCE, "team": team})
        database.execute(RUN.encode(), [batch.replace("_", "\\_") + "%"])
    return None


FAULTS: Mapping[str, Callable[[Chaos, Random], Undoing]] = {f"campaigns: {AT_ONCE} that cannot be filled": create}
