"""Campaigns that are due to be looked at are taken: each by one worker, and by the next if that one dies."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.crowd import crowd
from tests.store.racing import Race
from tests.world import World
from worker.store import wakes

MOST = 20


def take(conn: Connection) -> set[str]:
    taken = wakes.take(conn, most=MOST, most_cancelled=10, after_team="", most_teams=20)
    return {campaign_id for campaign_ids in taken.running.values() for campaign_id in campaign_ids}


def test_two_workers_take_different_campaigns_and_neither_waits(world: World, race: Race) -> None:
    crowd(world, 2 * MOST)
    one, other = race.session(), race.session()
    first, second = one.do(take), other.do(take)
    assert (len(first), len(second), len(first | second)) == (MOST, MOST, 2 * MOST)
    one.commit()
    other.commit()


def test_what_was_taken_by_a_worker_that_died_before_it_had_committed_is_there_to_be_taken(
    world: World, race: Race
) -> None:
    crowd(world, MOST)
    one, other = race.session(), race.session()
    first = one.do(take)
    one.rollback()
    assert other.do(take) == first
