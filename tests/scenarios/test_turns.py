"""Campaigns that cannot be filled keep from its turn none that can, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.crowd import crowd
from tests.store.dialing import running
from tests.world import World
from worker.simulator.lives import Life
from worker.store.candidates import PAGE

MANY = 2 * PAGE + 20
"""More than any list that is looked at together."""
HERE, LATER = "id = 'acct_crowd'", "clock_timestamp() + interval '1 hour'"


def sql(*statements: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        for statement in statements:
            world.sql(statement)

    return change


def one_talks(*, dialed: bool = True) -> Callable[[World], None]:
    """A call through the crowd's number is live, and the crowd's contacts have the callee's number."""

    def change(world: World) -> None:
        world.script({"*": Life(1, 600)})
        holder = world.campaign([world.contact()], fromNumberIds=["pn_crowd"])
        steps = world.reserve(holder)
        if dialed:
            world.do_all(steps)

    return change


def on_the_phone(world: World) -> None:
    one_talks()(world)
    world.sql("UPDATE contacts SET phone_e164 = (SELECT to_number FROM calls) WHERE id LIKE 'cont_crowd_%'")


REASONS: Mapping[str, tuple[Callable[[World], None], ...]] = {
    "its account rests": (sql(f"UPDATE carrier_accounts SET resting_until = {LATER} WHERE {HERE}"),),
    "its account is disabled": (sql(f"UPDATE carrier_accounts SET enabled = false WHERE {HERE}"),),
    "the breaker is open": (sql(f"UPDATE carrier_accounts SET breaker_until = {LATER} WHERE {HERE}"),),
    "its account is full": (
        one_talks(),
        sql(f"UPDATE carrier_accounts SET max_concurrent_calls = 1 WHERE {HERE}"),
    ),
    "its carrier has no more channels": (
        one_talks(),
        sql(f"UPDATE carrier_accounts SET channels = 0, channel_refusals = 1 WHERE {HERE}"),
    ),
    "the rate of its account lets no more out": (
        one_talks(dialed=False),
        sql(f"UPDATE carrier_accounts SET calls_per_second = 0.1 WHERE {HERE}"),
    ),
    "its caller ID rests": (sql(f"UPDATE phone_numbers SET resting_until = {LATER} WHERE id = 'pn_crowd'"),),
    "its caller ID is disabled": (sql("UPDATE phone_numbers SET enabled = false WHERE id = 'pn_crowd'"),),
    "its caller ID is full": (
        one_talks(),
        sql("UPDATE phone_numbers SET max_concurrent_calls = 1 WHERE id = 'pn_crowd'"),
    ),
    "it has no caller ID": (sql("DELETE FROM campaign_numbers WHERE number_id = 'pn_crowd'"),),
    "its window is shut": (
        sql(
            """UPDATE campaigns SET call_window_start = '03:00', call_window_end = '04:00',
                                    call_window_timezone = 'America/New_York' WHERE id LIKE 'camp_crowd_%'"""
        ),
    ),
    "nobody is due": (sql("UPDATE campaign_contacts SET due_at = due_at + interval '1 day'"),),
    "its budget is used up": (sql("UPDATE runs SET max_calls = 1, calls_used = 1"),),
    "its contact is on the phone": (on_the_phone,),
    "its contact must not be called": (sql("UPDATE contacts SET do_not_call = true"),),
    "its contact has no number": (sql("UPDATE contacts SET phone_e164 = NULL"),),
}


def healthy(world: World) -> str:
    """The contact of a campaign that can be filled. All others come before it, for it was filled a moment ago, and the
    team has room for this one call."""
    contact = world.contact()
    campaign = running(world, [contact], maxConcurrentCalls=1)
    world.sql("UPDATE campaigns SET filled_at = clock_timestamp() WHERE id = :id", id=campaign)
    world.sql("UPDATE teams SET max_concurrent_calls = 1 + (SELECT count(*) FROM calls)")
    return contact


@pytest.mark.parametrize("short", [False, True], ids=["due", "short of slots"])
@pytest.mark.parametrize("reason", REASONS)
def test_many_that_cannot_be_filled_hold_up_none_that_can(world: World, reason: str, short: bool) -> None:
    crowd(world, MANY)
    for change in REASONS[reason]:
        change(world)
    contact = healthy(world)
    world.sql("UPDATE campaigns SET short_of_slots = :short WHERE status = 'running'", short=short)
    for _ in range(2):
        world.tick()
    assert world.dialed(contact)
