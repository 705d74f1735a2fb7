"""Campaigns made of others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.campaign_edit import as_sent
from worker.domain.errors import Conflict, Deleted, NotFound
from worker.domain.run_request import LONGEST_NAME
from worker.flow import close
from worker.operations import batches
from worker.operations.campaigns import get_campaign
from worker.operations.copies import OF_ITS_TIME, clone_campaign, redial_campaign
from worker.operations.removal import delete_campaign
from worker.simulator.lives import Life
from worker.store.database import once
from worker.store.reads.campaign_list import show

EVERYTHING = {
    "description": "Why",
    "callWindowStart": "09:00",
    "callWindowEnd": "17:00",
    "callWindowTimezone": "America/New_York",
    "maxConcurrentCalls": 7,
    "maxAttemptsPerContact": 2,
    "retryDelayMinutes": 11,
    "settings": {"retryDelays": {"busy": 3}, "unknown": [1]},
}


def fields(world: World, campaign: str) -> dict[str, Any]:
    found = once(world.dialer.db, lambda conn: show(conn, world.team, campaign))
    assert found is not None
    return as_sent(found)


def members(world: World, campaign: str) -> list[tuple[str, str]]:
    rows = world.sql("SELECT contact_id, status FROM campaign_contacts WHERE campaign_id = :c ORDER BY id", c=campaign)
    return [(row.contact_id, str(row.status)) for row in rows]


def test_a_clone_is_a_draft_with_every_field_but_the_name_and_the_schedule(world: World) -> None:
    later = (world.now + timedelta(hours=1)).isoformat()
    campaign = world.campaign(world.contacts(2), **EVERYTHING, scheduledStartAt=later)
    made, added = clone_campaign(world.dialer, world.team, campaign, None, with_contacts=False, actor="me")
    assert (added, members(world, made), world.status(made)) == (0, [], "draft")
    was, new = fields(world, campaign), fields(world, made)
    assert new.pop("name") == f"{was.pop('name')} (copy)"
    assert {name: value for name, value in new.items() if name not in OF_ITS_TIME} == {
        name: value for name, value in was.items() if name not in OF_ITS_TIME
    }
    assert get_campaign(world.dialer, world.team, made)["scheduled_start_at"] is None
    (line,) = world.sql("SELECT * FROM audit_log WHERE subject_id = :id", id=made)
    assert (line.actor, line.action, line.detail) == ("me", "copy", {"of": campaign})


def test_a_campaign_without_a_window_stays_so_where_the_deployment_has_one(world: World) -> None:
    campaign = world.campaign()
    world.deploy(default_window="09:00-17:00 America/New_York")
    made, _ = clone_campaign(world.dialer, world.team, campaign, "Another", with_contacts=False, actor="me")
    shown = get_campaign(world.dialer, world.team, made)
    assert (shown["name"], shown["call_window_start"]) == ("Another", None)


def test_its_contacts_wait_in_a_clone_as_if_never_called(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    contacts = [*world.contacts(4), world.contact(None)]
    campaign = world.campaign(contacts)
    world.run(campaign)
    world.until(campaign, "completed")
    made, added = clone_campaign(world.dialer, world.team, campaign, None, with_contacts=True, actor="me")
    assert added == 5
    assert members(world, made) == [*((each, "pending") for each in contacts[:4]), (contacts[4], "skipped")]


def test_who_was_not_reached_is_redialed_and_nobody_else(world: World) -> None:
    world.script({"+12025550141": Life(1, 0, Status.BUSY), "+12025550142": Life(1, 5)})
    unreached, reached = world.contact("+12025550141"), world.contact("+12025550142")
    campaign = world.campaign([unreached, reached, world.contact(None)], maxAttemptsPerContact=1)
    with pytest.raises(Conflict, match="nobody is left to redial"):
        redial_campaign(world.dialer, world.team, campaign, None, actor="me")
    world.run(campaign)
    world.until(campaign, "completed")
    made, added = redial_campaign(world.dialer, world.team, campaign, None, actor="me")
    assert (added, members(world, made)) == (1, [(unreached, "pending")])
    shown = get_campaign(world.dialer, world.team, campaign)
    assert shown["reach"] == {"reached": 1, "not_reached": 1, "cannot_be_called": 1, "left": 0, "cancelled": 0}


@pytest.mark.parametrize("is_swept", [False, True], ids=["not swept", "swept"])
def test_who_still_waited_when_a_campaign_ended_is_redialed(
    world: World, is_swept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, *left = world.contacts(4)
    campaign = world.campaign([reached, *left, world.contact(None)], maxConcurrentCalls=1)
    world.run(campaign)  # the first is on the phone, nobody else was called
    if not is_swept:
        monkeypatch.setattr(close, "close_down", lambda dialer, campaign_id: None)
    close.complete_campaign(world.dialer, campaign, actor="me")
    made, added = redial_campaign(world.dialer, world.team, campaign, None, actor="me")
    assert (added, members(world, made)) == (3, [(each, "pending") for each in left])
    world.finish_all()


def test_who_was_cancelled_with_a_campaign_is_not(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    world.cancel(campaign)
    with pytest.raises(Conflict, match="nobody is left to redial"):
        redial_campaign(world.dialer, world.team, campaign, None, actor="me")


def test_a_long_name_has_room_for_what_it_is(world: World) -> None:
    campaign = world.campaign(name="x" * LONGEST_NAME)
    made, _ = clone_campaign(world.dialer, world.team, campaign, None, with_contacts=False, actor="me")
    name = get_campaign(world.dialer, world.team, made)["name"]
    assert (len(name), name.endswith("x (copy)")) == (LONGEST_NAME, True)


def test_another_teams_and_a_deleted_one_are_not_copied(world: World) -> None:
    world.another_team("team_b")
    campaign = world.campaign()
    with pytest.raises(NotFound):
        clone_campaign(world.dialer, "team_b", campaign, None, with_contacts=False, actor="me")
    delete_campaign(world.dialer, world.team, campaign, actor="test")
    with pytest.raises(Deleted):
        redial_campaign(world.dialer, world.team, campaign, None, actor="me")
