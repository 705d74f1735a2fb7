"""A campaign tried with one call: it is placed as any other, and counted apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.errors import Conflict, Deleted, NotFound, TooOften
from worker.flow import admit
from worker.flow.run_result import RunResult
from worker.operations.campaigns import get_campaign, list_campaigns
from worker.operations.keys import create_key
from worker.operations.removal import delete_campaign
from worker.operations.test_call import MOST_AN_HOUR, place_test_call
from worker.operations.watching import newest_campaign
from worker.simulator.lives import Life
from worker.store.reads.campaign_list import Filter

MINE = "+12025550177"
WINDOW = {"callWindowStart": "13:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}


def tried(world: World, campaign: str, to: str = MINE, actor: str = "cli") -> RunResult:
    result, steps = place_test_call(world.dialer, world.team, campaign, to, opened_by="cli", actor=actor)
    world.carry_out(steps)
    return result


@pytest.mark.parametrize("status", ["draft", "scheduled", "running", "paused", "completed", "cancelled"])
def test_it_is_one_call_by_the_campaigns_numbers_whatever_its_state(world: World, status: str) -> None:
    world.script({MINE: Life(1, 0, Status.BUSY)})
    campaign = world.campaign_that_is(status)
    before = get_campaign(world.dialer, world.team, campaign)
    (reserved,) = tried(world, campaign).calls
    assert reserved.to_number == MINE
    assert reserved.from_number in before["from_numbers"]
    if status != "running":
        assert get_campaign(world.dialer, world.team, campaign) == before
    world.until(reserved.campaign_id, "completed")
    world.advance(3 * 3600)
    (call,) = [call for call in world.all_calls() if call.to_number == MINE]
    assert (call.id, str(call.disposition), call.attempt) == (reserved.call_id, "busy", 1)
    assert get_campaign(world.dialer, world.team, campaign)["total_contacts"] == before["total_contacts"]
    (line,) = world.sql("SELECT * FROM audit_log WHERE action = 'test_call'")
    assert (line.subject_id, line.actor, line.detail) == (campaign, "cli", {"campaignId": reserved.campaign_id})


def test_it_is_in_no_list_and_is_not_the_newest(world: World) -> None:
    campaign = world.campaign()
    tried(world, campaign)
    count, found = list_campaigns(world.dialer, world.team, Filter(), limit=50, offset=0)
    assert (count, [each["id"] for each in found]) == (1, [campaign])
    assert newest_campaign(world.dialer, world.team) == campaign


def test_it_takes_a_place_like_any_other_or_is_not_placed_at_all(world: World) -> None:
    world.sql("UPDATE teams SET max_concurrent_calls = 1")
    world.script({"*": Life(1, 600)})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    with pytest.raises(Conflict, match=r"No test call was placed\. The team has 1 live call"):
        tried(world, campaign)
    world.advance(700)
    assert MINE not in {call.to_number for call in world.all_calls()}, "it is not placed later"
    tried(world, campaign)
    assert len(world.sql("SELECT FROM calls WHERE ended_at IS NULL")) == 1
    world.advance(700)


def test_who_may_not_be_called_is_not_called_to_try_either(world: World) -> None:
    campaign = world.campaign()
    world.ban(MINE)
    with pytest.raises(Conflict, match="is marked do-not-call"):
        tried(world, campaign)
    assert world.all_calls() == []


def test_outside_the_window_it_is_refused_and_nothing_of_it_is_left(world: World) -> None:
    campaign = world.campaign(**WINDOW)
    with pytest.raises(Conflict, match=r"No test call was placed\. The call window is shut until"):
        tried(world, campaign)
    world.advance(2 * 3600)
    assert world.all_calls() == []
    (reserved,) = tried(world, campaign).calls
    assert reserved.to_number == MINE


def test_one_whose_request_died_before_it_could_be_refused_is_placed_at_no_later_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    def die(name: str) -> None:
        if name == "admit.after_commit":
            raise Killed

    campaign = world.campaign(**WINDOW)
    monkeypatch.setattr(admit, "crashpoint", die)
    with pytest.raises(Killed):
        tried(world, campaign)
    monkeypatch.undo()
    world.advance(2 * 3600)
    assert world.all_calls() == []
    assert [row.status for row in world.sql("SELECT status FROM campaigns WHERE test_of IS NOT NULL")] == ["completed"]


def test_a_contact_who_has_the_number_is_the_one_who_is_called(world: World) -> None:
    contact = world.contact(MINE, first_name="Ada")
    (reserved,) = tried(world, world.campaign()).calls
    assert reserved.contact_id == contact


def test_a_number_that_is_nobodys_gets_a_contact_once(world: World) -> None:
    world.script({MINE: Life(1, 1)})
    campaign = world.campaign()
    (first,) = tried(world, campaign).calls
    world.until(first.campaign_id, "completed")
    (second,) = tried(world, campaign).calls
    assert first.contact_id == second.contact_id
    (row,) = world.sql("SELECT tags FROM contacts WHERE id = :id", id=first.contact_id)
    assert row.tags == ["test-call"]


def test_a_key_may_ask_for_ten_in_an_hour(world: World) -> None:
    campaign = world.campaign()
    key, _ = create_key(world.dialer, world.team, "ours", actor="test")
    other, _ = create_key(world.dialer, world.team, "theirs", actor="test")
    for n in range(MOST_AN_HOUR):
        tried(world, campaign, f"+1202555018{n}", actor=key.id)
        world.advance(60)
    with pytest.raises(TooOften, match="ask again in 60 minutes") as refused:
        tried(world, campaign, actor=key.id)
    assert 3000 < refused.value.wait_seconds <= 3600
    tried(world, campaign, MINE, actor=other.id)
    world.sql("UPDATE campaigns SET created_at = created_at - :ago WHERE test_of IS NOT NULL", ago=timedelta(hours=1))
    tried(world, campaign, "+12025550190", actor=key.id)


def test_another_teams_campaign_and_one_that_is_deleted_are_not_tried(world: World) -> None:
    world.another_team("team_b")
    campaign = world.campaign()
    with pytest.raises(NotFound):
        place_test_call(world.dialer, "team_b", campaign, MINE, opened_by="cli", actor="cli")
    delete_campaign(world.dialer, world.team, campaign, actor="test")
    with pytest.raises(Deleted):
        tried(world, campaign)
