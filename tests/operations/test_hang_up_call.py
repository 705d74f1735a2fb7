"""One call is hung up by somebody's word, whatever it is doing."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.domain.errors import Conflict, NotFound
from worker.operations.hang_up_call import hang_up_call
from worker.simulator.lives import Life


def hung_up(world: World, call: str) -> dict[str, object]:
    shown, steps = hang_up_call(world.dialer, world.team, call, actor="me")
    world.carry_out(steps)
    return shown


@pytest.mark.parametrize(
    ("ring", "after", "state", "disposition"), [(60, 5, "ringing", "canceled"), (5, 15, "in_progress", "answered")]
)
def test_a_call_that_rings_or_talks_is_ended_and_no_other(
    world: World, ring: int, after: int, state: str, disposition: str
) -> None:
    world.script({"*": Life(ring, 600)})
    campaign = world.campaign(world.contacts(2), maxConcurrentCalls=2)
    world.run(campaign)
    world.advance(after)
    first, second = (call.id for call in world.calls(campaign))
    assert hung_up(world, first)["status"] == state
    world.play()
    after_it = {call.id: call for call in world.all_calls()}
    assert (str(after_it[first].disposition), str(after_it[second].state)) == (disposition, state)
    (line,) = world.sql("SELECT * FROM audit_log WHERE action = 'hang_up_call'")
    assert (line.actor, line.subject_id, line.detail) == ("me", first, {"campaignId": campaign})
    assert hung_up(world, first)["status"] == "ended", "what is over is over"
    assert len(world.sql("SELECT FROM audit_log WHERE action = 'hang_up_call'")) == 1


def test_one_whose_message_was_lost_is_hung_up_by_the_tick(world: World) -> None:
    world.script({"*": Life(5, 600)})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.advance(15)
    hang_up_call(world.dialer, world.team, world.call(campaign).id, actor="me")
    world.tick()
    world.play()
    assert world.call(campaign).disposition == "answered"


def test_a_call_that_is_only_reserved_is_not_there_to_be_hung_up(world: World) -> None:
    world.places = False
    campaign = world.campaign(world.contacts(1))
    steps = world.reserve(campaign)
    with pytest.raises(Conflict, match="has not been dialed yet; pause its campaign"):
        hang_up_call(world.dialer, world.team, world.call(campaign).id, actor="me")
    world.carry_out(steps)


def test_another_teams_call_is_not_there(world: World) -> None:
    world.another_team("team_b")
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    with pytest.raises(NotFound, match="No call with id"):
        hang_up_call(world.dialer, "team_b", world.call(campaign).id, actor="me")
