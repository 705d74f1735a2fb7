"""What a tick costs that finds nothing due."""

from __future__ import annotations

from tests.world import World
from worker.flow.tick import tick

VERSIONS = """
SELECT name, xmin::text, xmax::text FROM ticks
UNION ALL SELECT 'server', xmin::text, xmax::text FROM database_server ORDER BY name
"""


def test_a_tick_that_finds_nothing_to_do_writes_and_locks_no_row_but_its_own(world: World) -> None:
    world.sql("UPDATE ticks SET last_at = 'epoch'")
    tick(world.dialer)  # does what is done now and then, and notes the server
    world.sql("UPDATE ticks SET last_at = 'epoch' WHERE name = 'tick'")
    before = world.sql(VERSIONS)
    assert {"forget", "reconcile", "server", "tick"} <= {row.name for row in before}
    tick(world.dialer)
    after = world.sql(VERSIONS)
    assert [row.name for row, was in zip(after, before, strict=True) if row != was] == ["tick"]
