"""Calling, and stopping, cost the same for a hundred contacts and for a million: counted in rows, not in seconds.

Both campaigns are called for a while and then live through the same stops in mid-run; after each deed, PostgreSQL says
how many rows of tables and indexes were read and written for it. How long each took is printed (``-s``), and judged by
nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.world import World, make_world
from worker.domain.resources import ACCOUNT, NUMBER
from worker.operations import resources
from worker.operations.campaign_edit import edit_campaign
from worker.operations.removal import delete_campaign, restore_campaign
from worker.operations.teams import edit_team
from worker.simulator.lives import Life

MILLION, HUNDRED = 1_000_000, 100

# Foreign keys and counting are left out, and what they would have made sure of is written here.
CROWD = """
SET LOCAL session_replication_role = replica;
INSERT INTO contacts (id, team_id, phone_e164)
SELECT {campaign} || '_' || n, {team}, '+130{digit}' || 2000000 + n FROM generate_series(1, {people}) AS n;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
SELECT {team}, {campaign}, {campaign} || '_' || n, dialer_now() FROM generate_series(1, {people}) AS n;
INSERT INTO campaign_zones (campaign_id, zone) VALUES ({campaign}, '');
INSERT INTO campaign_totals (campaign_id, total, pending) VALUES ({campaign}, {people}, {people});
SELECT pg_stat_force_next_flush();
"""

WORK = """
SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del)
        FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS rows
"""


@pytest.fixture
def crowded(own_database_url: str, redis_url: str) -> Iterator[World]:
    for world in make_world(own_database_url, redis_url):
        world.script({"*": Life(10, 600)})
        yield world


def campaign_of(world: World, people: int, digit: int) -> str:
    """A draft in which so many wait."""
    campaign = world.campaign(maxConcurrentCalls=5)
    url = world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    names = {"campaign": f"'{campaign}'", "team": f"'{world.team}'"}
    with psycopg.connect(url) as conn:
        conn.execute(CROWD.format(people=people, digit=digit, **names))
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        conn.execute("SELECT pg_stat_force_next_flush()")  # or its work is reported later, and taken for another's
    return campaign


def deeds(world: World, campaign: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Calls, and every way to stop them in mid-run, in an order in which each is legal."""
    dialer, team, waiting = world.dialer, world.team, f"{campaign}_90"
    (number, _), (account,) = world.numbers, (f"acct_{world.team}",)

    def number_is(enabled: bool) -> None:
        body = {"enabled": enabled}
        world.carry_out(resources.edit_resource(dialer, NUMBER, team, number, body, actor="test")[1])

    def account_takes(calls: int) -> None:
        body = {"maxConcurrentCalls": calls}
        world.carry_out(resources.edit_resource(dialer, ACCOUNT, team, account, body, actor="test")[1])

    def team_has(calls: int) -> None:
        world.carry_out(edit_team(dialer, team, {"maxConcurrentCalls": calls}, actor="test")[1])

    def edit(**body: object) -> None:
        edit_campaign(dialer, team, campaign, body, actor="test")

    yield "run", lambda: world.run(campaign)
    yield "two calls each", lambda: pass_minutes(world, 25)
    yield "do-not-call", lambda: world.ban(world.phone(waiting))
    yield "contact edited", lambda: world.edit_contact(waiting, phone="+12025559999")
    yield "number disabled", lambda: number_is(False)
    yield "number enabled", lambda: number_is(True)
    yield "account's limit lowered", lambda: account_takes(1)
    yield "account's limit raised", lambda: account_takes(1000)
    yield "team's limit lowered", lambda: team_has(1)
    yield "team's limit raised", lambda: team_has(100)
    yield "pause", lambda: world.pause(campaign)
    yield "limit lowered", lambda: edit(maxConcurrentCalls=2)
    yield (
        "window moved",
        lambda: edit(callWindowStart="01:00", callWindowEnd="02:00", callWindowTimezone="America/New_York"),
    )
    yield "resume", lambda: world.resume(campaign)
    yield "pause again", lambda: world.pause(campaign)
    yield "delete", lambda: delete_campaign(dialer, team, campaign, actor="test")
    yield "restore", lambda: restore_campaign(dialer, team, campaign, actor="test")
    yield "resume again", lambda: world.resume(campaign)
    yield "cancel and hang up", lambda: world.cancel(campaign, hang_up=True)


def pass_minutes(world: World, minutes: int) -> None:
    """Calls end and others begin; without asking what happens when, which reads everybody who waits."""
    for _ in range(minutes):
        world.set_clock(world.now + timedelta(minutes=1))
        world.play()
        world.tick()


def rows_touched(world: World) -> int:
    world.sql("SELECT pg_stat_force_next_flush()")
    return int(world.sql(WORK)[0].rows)


def costs(world: World, campaign: str) -> dict[str, int]:
    """How many rows each deed touched, beyond what asking costs."""
    found: dict[str, Any] = {}
    for name, deed in deeds(world, campaign):
        before = rows_touched(world)
        asking = rows_touched(world) - before
        began_at = time.perf_counter()
        deed()
        seconds = time.perf_counter() - began_at
        found[name] = rows_touched(world) - before - 2 * asking
        print(f"{name:<24} {found[name]:>6} rows {1000 * seconds:>7.1f} ms")
    return found


@pytest.mark.slow
def test_calls_and_stops_in_mid_run_cost_the_same_for_a_hundred_contacts_and_for_a_million(crowded: World) -> None:
    """The small one goes first: what the database learns and keeps from it serves the large one too."""
    few = costs(crowded, campaign_of(crowded, HUNDRED, 3))
    crowded.advance(60)
    campaign = campaign_of(crowded, MILLION, 5)
    many = costs(crowded, campaign)
    assert {name: (few[name], many[name]) for name in few if many[name] > 2 * few[name] + 500} == {}
    assert crowded.stage.live() == []
    (waits,) = crowded.sql("SELECT count(*) AS n FROM campaign_contacts WHERE status = 'pending'")
    assert waits.n > MILLION - 10_000, "they read as cancelled at once, and are swept later"
