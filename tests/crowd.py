"""Thousands of running campaigns of one team, written into the database by a handful of statements."""

from __future__ import annotations

from tests.world import World

CONTACTS = """
INSERT INTO contacts (id, team_id, phone, phone_e164)
SELECT 'cont_crowd_' || lpad(n::text, 5, '0'), :team, '+1303' || 1000000 + n, '+1303' || 1000000 + n
FROM generate_series(1, :count) AS n
"""
CAMPAIGNS = """
INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, max_concurrent_calls)
SELECT 'camp_crowd_' || lpad(n::text, 5, '0'), :team, 'asst_' || :team, 'comp_' || :team, 'One of a crowd', :slots
FROM generate_series(1, :count) AS n
"""
OF_EACH = (
    """INSERT INTO runs (id, team_id, campaign_id, opened_by)
       SELECT 'run_' || id, team_id, id, 'api' FROM campaigns WHERE id LIKE 'camp_crowd_%'""",
    """INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
       SELECT team_id, id, :number, 0 FROM campaigns WHERE id LIKE 'camp_crowd_%'""",
    "INSERT INTO campaign_zones (campaign_id, zone) SELECT id, '' FROM campaigns WHERE id LIKE 'camp_crowd_%'",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT team_id, id, replace(id, 'camp_', 'cont_'), dialer_now() FROM campaigns WHERE id LIKE 'camp_crowd_%'""",
    """UPDATE campaigns SET status = 'running', run_id = 'run_' || id, next_wake_at = dialer_now()
       WHERE id LIKE 'camp_crowd_%'""",
)


def crowd(world: World, count: int, *, number: str | None = None, slots: int = 1) -> None:
    """So many campaigns ``camp_crowd_…`` with a contact each that is due now, called from one number: one on an account
    of its own (``acct_crowd``), unless one is given. None of them ever had its turn, and all are to be looked at."""
    if number is None:
        world.sql(
            """INSERT INTO carrier_accounts (id, team_id, carrier, name, max_concurrent_calls)
               VALUES ('acct_crowd', :team, 'simulator', 'Of the crowd', 10000)""",
            team=world.team,
        )
        world.sql(
            """INSERT INTO phone_numbers (id, team_id, account_id, number, max_concurrent_calls)
               VALUES ('pn_crowd', :team, 'acct_crowd', '+12025559999', 1000)""",
            team=world.team,
        )
    world.sql(CONTACTS, team=world.team, count=count)
    world.sql(CAMPAIGNS, team=world.team, count=count, slots=slots)
    for statement in OF_EACH:
        world.sql(statement, number=number or "pn_crowd")
    world.sql("ANALYZE campaigns, runs, campaign_contacts, contacts, campaign_numbers")
