"""Many contacts who have had their calls stand in front of one who may be called."""

from __future__ import annotations

import pytest

from tests.world import World

CAPPED = 100_000


@pytest.mark.slow
def test_a_hundred_thousand_who_have_had_their_calls_hold_nobody_up(world: World) -> None:
    campaign = world.campaign(world.contacts(1), frequency=[{"calls": 1, "hours": 24}])
    world.sql(f"""
        SET LOCAL statement_timeout = 0;
        SET LOCAL session_replication_role = replica;
        INSERT INTO contacts (id, team_id, phone, phone_e164)
        SELECT 'k' || n, 'team_a', 'x', '+1303' || 1000000 + n FROM generate_series(1, {CAPPED}) AS n;
        INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
        SELECT 'team_a', '{campaign}', 'k' || n, dialer_now() - interval '1 hour' FROM generate_series(1, {CAPPED}) AS n;
        INSERT INTO callees (team_id, number, recent)
        SELECT 'team_a', '+1303' || 1000000 + n, ARRAY[dialer_now()] FROM generate_series(1, {CAPPED}) AS n""")
    world.run(campaign)
    assert len(world.stage.requests) == 1
    (waiting,) = world.sql(
        "SELECT count(*), min(due_at), max(due_at) FROM campaign_contacts WHERE reason = 'frequency'"
    )
    assert waiting.count == CAPPED
    world.sql("DELETE FROM callees WHERE number LIKE '+1303%'")
