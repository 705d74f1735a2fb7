"""A dry run answers what the same request would do now, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.errors import Conflict, Invalid, NotFound
from worker.operations import campaigns
from worker.simulator.lives import Life


def content(world: World) -> dict[str, list[str]]:
    """Every row of every table, and every slot."""
    tables = world.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    rows = {t.tablename: [r[0] for r in world.sql(f"SELECT x::text FROM {t.tablename} x ORDER BY 1")] for t in tables}
    slots = world.dialer.slots.members()  # found in no order
    return rows | {"slots": sorted(f"{scope} {sorted(held.items())}" for scope, held in slots.items())}


def simple(world: World) -> str:
    return world.campaign(world.contacts(5), maxConcurrentCalls=3)


def with_exceptions(world: World) -> str:
    people = world.contacts(4)
    campaign = world.campaign([world.contact(phone=None), *people, world.contact(phone="+1202")], maxConcurrentCalls=9)
    world.edit_contact(people[0], doNotCall=True)
    world.ban(world.phone(people[1]))
    return campaign


def with_zones(world: World) -> str:
    zones = ["Asia/Tokyo", "America/Los_Angeles", "America/New_York", None]
    window = {"callWindowStart": "11:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    return world.campaign([world.contact(timezone=zone) for zone in zones], **window)


def shut(world: World) -> str:
    window = {"callWindowStart": "20:00", "callWindowEnd": "21:00", "callWindowTimezone": "America/New_York"}
    return world.campaign(world.contacts(2), **window)


def with_busy_numbers(world: World) -> str:
    people = world.contacts(6)
    world.script({"*": Life(1, 3000)})
    world.run(world.campaign(people[:3]))
    return world.campaign(people, maxConcurrentCalls=2)


def behind_others(world: World) -> str:
    world.sql("UPDATE teams SET max_concurrent_calls = 4")
    world.script({"*": Life(1, 3000)})
    for _ in range(2):
        world.run(world.campaign(world.contacts(3), maxConcurrentCalls=2))
    world.sql("UPDATE teams SET max_concurrent_calls = 7")
    return world.campaign(world.contacts(5), maxConcurrentCalls=5)


def with_retries(world: World) -> str:
    world.script({"*": Life(1, ending=Status.BUSY)})
    campaign = world.campaign(world.contacts(5), maxConcurrentCalls=2, retryDelayMinutes=0)
    world.run(campaign, max_calls=3)
    world.until(campaign, "paused")
    return campaign


def completed_with_more(world: World) -> str:
    campaign = world.campaign_that_is("completed")
    campaigns.add_contacts(world.dialer, campaign, world.contacts(2), actor="test")
    return campaign


@pytest.mark.parametrize("max_calls", [None, 2])
@pytest.mark.parametrize(
    "make",
    [simple, with_exceptions, with_zones, shut, with_busy_numbers, behind_others, with_retries, completed_with_more],
)
def test_it_writes_nothing_and_names_what_the_real_run_then_does(
    world: World, make: Callable[[World], str], max_calls: int | None
) -> None:
    campaign = make(world)
    before = content(world)
    dry = world.run(campaign, max_calls=max_calls, dry_run=True)
    assert content(world) == before
    real = world.run(campaign, max_calls=max_calls)
    assert [(c.contact_id, c.to_number, c.from_number) for c in dry.calls] == [
        (c.contact_id, c.to_number, c.from_number) for c in real.calls
    ]
    assert (dry.failed, dry.errors, dry.remaining, dry.opens_at) == (
        real.failed, real.errors, real.remaining, real.opens_at,
    )  # fmt: skip
    assert (dry.run_id, dry.dry_run, real.dry_run) == (None, True, False)
    assert dry.message == real.message.replace("Started", "Would start")
    world.finish_all()


def test_it_refuses_what_the_real_run_refuses(world: World) -> None:
    cancelled, empty = world.campaign_that_is("cancelled"), world.campaign()
    before = content(world)
    for campaign in (cancelled, empty):
        with pytest.raises(Conflict):
            world.run(campaign, dry_run=True)
    with pytest.raises(NotFound):
        world.run("camp_nobody", dry_run=True)
    with pytest.raises(NotFound):
        world.run(empty, dry_run=True, team_id="team_b")
    with pytest.raises(Invalid):
        world.run(world.campaign(world.contacts(1)), dry_run=True, max_calls=0)
    assert {k: v for k, v in content(world).items() if k == "runs"} == {"runs": before["runs"]}


def test_the_account_slug_must_be_the_teams(world: World) -> None:
    campaign = world.campaign(world.contacts(1))
    with pytest.raises(Invalid, match="accountSlug"):
        world.run(campaign, account_slug="somebody-else")
    assert world.status(campaign) == "draft"
    assert len(world.run(campaign, account_slug="team-a").calls) == 1
