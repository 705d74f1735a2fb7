"""Many contacts who have had their calls stand in front of one who may be called."""

from __future__ import annotations

import pytest

from tests.world import World

CAPPED, AT_ONCE = 100_000, 10_000
OTHERS = (
    "INSERT INTO contacts (id, team_id, phone, phone_e164) SELECT 'k' || n, 'team_a', 'x', '+1303' || 1000000 + n",
    "INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at) "
    "SELECT 'team_a', :campaign, 'k' || n, dialer_now() - interval '1 hour'",
    "INSERT INTO callees (team_id, number, recent) SELECT 'team_a', '+1303' || 1000000 + n, ARRAY[dialer_now()]",
)


@pytest.mark.slow
def test_a_hundred_thousand_who_have_had_their_calls_hold_nobody_up(world: World) -> None:
    campaign = world.campaign(world.contacts(1), frequency=[{"calls": 1, "hours": 24}])
    for first in range(1, CAPPED, AT_ONCE):
        for others in OTHERS:
            numbers = f"FROM generate_series({first}, {first + AT_ONCE - 1}) AS n"
            world.sql(f"{others} {numbers}", **({"campaign": campaign} if ":campaign" in others else {}))
    world.run(campaign)
    assert len(world.stage.requests) == 1
    (waiting,) = world.sql(
        "SELECT count(*) FROM campaign_contacts WHERE reason = 'frequency' AND due_at > dialer_now()"
    )
    assert waiting[0] == CAPPED
