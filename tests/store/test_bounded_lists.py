"""What is taken a few at a time comes to everybody, though those who were first are soon there again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import Connection, event, text

from tests.crowd import crowd
from tests.store.dialing import reserve, running
from tests.store.racing import Race
from tests.world import World
from worker.flow import reconcile
from worker.flow.promote import promote
from worker.store import calls, wakes

MANY, FEW = 7, 2


def undispatched(conn: Connection) -> set[str]:
    return {row.id for row in calls.undispatched(conn, after_seconds=10, release_after_seconds=10_000, most=FEW)}


def overdue(conn: Connection) -> set[str]:
    return set(calls.overdue(conn, again_in_seconds=10, most=FEW))


def to_be_looked_at(conn: Connection) -> set[str]:
    taken = wakes.take(conn, most=FEW, most_cancelled=0, after_team=None, most_teams=0)
    return {campaign_id for campaign_ids in taken.running.values() for campaign_id in campaign_ids}


def to_be_swept(conn: Connection) -> set[str]:
    return set(wakes.take(conn, most=0, most_cancelled=FEW, after_team=None, most_teams=0).cancelled)


def reserved_calls(world: World) -> None:
    reserve(world, running(world, world.contacts(MANY), maxConcurrentCalls=MANY))


def live_calls(world: World) -> None:
    reserved_calls(world)
    world.sql("UPDATE calls SET next_check_at = clock_timestamp()")


def running_campaigns(world: World) -> None:
    crowd(world, MANY)


def unfillable_campaigns(world: World) -> None:
    crowd(world, MANY)
    world.sql("UPDATE phone_numbers SET enabled = false")
    world.sql("UPDATE campaigns SET next_wake_at = next_wake_at - interval '1 minute'")


def cancelled_campaigns(world: World) -> None:
    crowd(world, MANY)
    world.sql("UPDATE campaigns SET status = 'cancelled', stopped_at = clock_timestamp(), next_wake_at = dialer_now()")


LISTS: Mapping[str, tuple[Callable[[World], None], Callable[[Connection], set[str]]]] = {
    "reserved calls that nobody dials": (reserved_calls, undispatched),
    "calls to be looked up": (live_calls, overdue),
    "campaigns to be looked at": (running_campaigns, to_be_looked_at),
    "campaigns that cannot be filled": (unfillable_campaigns, to_be_looked_at),
    "cancelled campaigns": (cancelled_campaigns, to_be_swept),
}


@pytest.mark.parametrize("name", LISTS)
def test_those_who_come_again_stand_behind_those_who_have_not_been(world: World, name: str) -> None:
    make, take = LISTS[name]
    make(world)
    seen: set[str] = set()
    for _ in range(MANY // FEW + 1):
        pass_time(world, 20)
        world.write(lambda conn: seen.update(take(conn)))
    assert len(seen) == MANY
    pass_time(world, 0)


def pass_time(world: World, seconds: float) -> None:
    world.pass_machine_time(seconds)
    world.set_clock(world.now + timedelta(seconds=seconds))


@pytest.fixture
def impatient(world: World) -> World:
    """Whoever meets a lock gives up at once."""

    @event.listens_for(world.engine, "begin")
    def _(conn: Connection) -> None:
        conn.execute(text("SET LOCAL lock_timeout = '1ms'"))

    return world


def test_a_team_whose_row_is_held_keeps_no_other_team_from_its_turn(impatient: World, race: Race) -> None:
    world = impatient
    crowd(world, 3)
    world.another_team("team_b")
    contact = world.contact(team="team_b")
    running(world, [contact], teamId="team_b", fromNumberIds=[world.number("+12025558888", team="team_b")])
    session = race.session()
    session.do(lambda conn: conn.execute(text("SELECT FROM teams WHERE id = 'team_a' FOR UPDATE")))
    world.tick()
    assert world.dialed(contact)
    session.commit()
    world.deploy(slot_grace_seconds=-1.0)
    reconcile.reconcile(world.dialer)  # of the slots that the fill which gave up had taken


def test_a_campaign_whose_row_is_held_keeps_no_other_from_starting(impatient: World, race: Race) -> None:
    world = impatient
    first, second = (world.campaign_that_is("scheduled") for _ in range(2))
    world.set_clock(world.now + timedelta(hours=2))
    world.sql(
        "UPDATE campaigns SET scheduled_start_at = scheduled_start_at - interval '1 second' WHERE id = :id", id=first
    )
    session = race.session()
    session.do(lambda conn: conn.execute(text("SELECT FROM campaigns WHERE id = :id FOR UPDATE"), {"id": first}))
    promote(world.dialer)
    assert (world.status(first), world.status(second)) == ("scheduled", "running")
    session.commit()
