"""The tick deletes what is older than the deployment keeps it."""

from __future__ import annotations

from sqlalchemy import text

from tests.world import World


def test_what_is_older_than_a_deployment_keeps_it_goes_with_the_tick_and_nothing_where_it_keeps_all(
    world: World,
) -> None:
    campaign = world.campaign(world.contacts(3))
    world.run(campaign)
    world.until(campaign, "completed")
    with world.engine.begin() as conn:
        conn.execute(text("SET LOCAL session_replication_role = replica"))  # or a trigger keeps a call's end as it is
        conn.execute(text("UPDATE calls SET ended_at = ended_at - interval '40 days'"))
        conn.execute(text("UPDATE audit_log SET at = at - interval '40 days'"))
        conn.execute(text("UPDATE call_events SET received_at = received_at - interval '40 days'"))
    kept = "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM call_events), (SELECT count(*) FROM audit_log)"
    before = tuple(world.sql(kept)[0])
    world.tick()
    assert tuple(world.sql(kept)[0]) == before
    world.deploy(retention_audit_days=31)
    world.tick()
    assert tuple(world.sql(kept)[0]) == (*before[:2], 0)
    world.deploy(retention_events_days=31)
    world.tick()
    assert tuple(world.sql(kept)[0]) == (before[0], 0, 0)
    world.deploy(retention_calls_days=31)
    world.tick()
    assert tuple(world.sql(kept)[0]) == (0, 0, 0)
