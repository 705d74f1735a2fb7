"""Events of one call in one batch, in several, in any order: one end, one outcome an event."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.world import World
from worker.carriers.base import CallEvent
from worker.domain.model import Disposition, EventKind
from worker.flow import record, settle
from worker.flow.base import Fill, Settle
from worker.simulator.lives import Callbacks, Life, Reply
from worker.slots import SlotRequest


@pytest.fixture(autouse=True, params=[True, False], ids=["at the receipt", "from the inbox"])
def _both_ways(request: pytest.FixtureRequest, world: World) -> None:
    """News comes to the same wherever it is settled."""
    world.settles_at_receipt = request.param


SILENT = Life(5, 600, callbacks=Callbacks.NONE)
DARK = Life(5, 600, reply=Reply.ERROR, callbacks=Callbacks.NONE)


def on_the_way(world: World, life: Life = SILENT, contacts: int = 1) -> str:
    """A campaign whose calls are placed and of which there was no news."""
    world.script({"*": life})
    campaign = world.campaign(world.contacts(contacts), maxConcurrentCalls=contacts)
    world.run(campaign)
    return campaign


def event(call: Any, kind: EventKind, carrier_call_id: str = "sim_0", **more: object) -> CallEvent:
    if kind is EventKind.ENDED:
        more.setdefault("disposition", Disposition.BUSY)
    return CallEvent(call.token, f"{carrier_call_id} {kind}", carrier_call_id, kind, **more)


def outcomes(world: World) -> dict[str, str]:
    return {row.event_id: row.outcome for row in world.sql("SELECT event_id, outcome FROM call_events ORDER BY id")}


LIFE = (EventKind.RINGING, EventKind.ANSWERED, EventKind.ENDED)


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
def test_any_order_of_a_calls_events_ends_it_the_same(world: World, together: bool) -> None:
    orders = list(itertools.permutations(LIFE))
    campaign = on_the_way(world, contacts=len(orders))
    for call, order in zip(world.calls(campaign), orders, strict=True):
        news = [event(call, kind, call.carrier_call_id) for kind in order]
        for batch in [news] if together else [[one] for one in news]:
            world.report(batch)
    ended = {(call.state, call.disposition, call.attempt) for call in world.calls(campaign)}
    assert ended == {("ended", "busy", 1)}
    entries = world.sql("SELECT DISTINCT status, attempts, called, answered FROM campaign_contacts")
    assert [tuple(entry) for entry in entries] == [("queued", 1, True, False)]
    assert None not in outcomes(world).values()


@pytest.mark.parametrize("kind", [EventKind.RINGING, EventKind.ANSWERED])
def test_a_cancelled_call_whose_ringing_is_reported_afterwards_counts(world: World, kind: EventKind) -> None:
    """Callbacks come in any order. Cancelled without having rung it would count for nothing and be made again at
    once; but the phone did ring."""
    campaign = on_the_way(world)
    world.pause(campaign)
    call = world.call(campaign)
    world.report([event(call, EventKind.ENDED, disposition=Disposition.CANCELED)])
    assert world.entry(campaign, call.contact_id).attempts == 0
    world.report([event(call, kind)])
    for _ in range(2):
        entry = world.entry(campaign, call.contact_id)
        assert (entry.attempts, entry.status) == (1, "queued")
        assert (entry.due_at - world.now).total_seconds() == pytest.approx(3600, abs=1)
        world.report([event(call, EventKind.ANSWERED)])
    assert outcomes(world)[f"sim_0 {kind}"] == "rang"


def test_an_orphans_end_in_the_batch_in_which_the_call_first_comes_up_does_not_end_it(world: World) -> None:
    """In doubt, no carrier id is known. Whichever call is taken for ours, the other's end is not its end."""
    campaign = on_the_way(world, DARK)
    call = world.call(campaign)
    world.report([event(call, EventKind.RINGING, "sim_0"), event(call, EventKind.ENDED, "sim_9")])
    assert world.call(campaign).state == "ringing"
    assert outcomes(world)["sim_9 ended"] == "orphan"


def test_an_event_that_comes_twice_is_kept_once_and_asks_for_nothing(world: World) -> None:
    campaign = on_the_way(world)
    ringing = event(world.call(campaign), EventKind.RINGING)
    assert record.record(world.dialer, "simulator", [ringing, ringing]) == [Settle()]
    assert record.record(world.dialer, "simulator", [ringing]) == []
    world.do(Settle())
    assert outcomes(world) == {"sim_0 ringing": "moved"}


def test_an_end_frees_the_slots_and_asks_for_a_fill_of_its_campaign(world: World) -> None:
    campaign = on_the_way(world)
    record.record(world.dialer, "simulator", [event(world.call(campaign), EventKind.ENDED)])
    assert settle.settle(world.dialer) == [Fill(world.team, (campaign,))]
    assert world.dialer.slots.members() == {}


def test_a_full_batch_asks_for_another_and_an_empty_inbox_for_nothing(world: World) -> None:
    world.deploy(settle_batch=2)
    campaign = on_the_way(world, contacts=3)
    news = [event(call, EventKind.RINGING, call.carrier_call_id) for call in world.calls(campaign)]
    record.record(world.dialer, "simulator", news)
    assert settle.settle(world.dialer) == [Settle()]
    assert settle.settle(world.dialer) == []
    assert settle.settle(world.dialer) == []
    assert {call.state for call in world.calls(campaign)} == {"ringing"}


def test_what_another_worker_settles_is_passed_over(world: World) -> None:
    campaign = on_the_way(world)
    record.record(world.dialer, "simulator", [event(world.call(campaign), EventKind.RINGING)])
    with world.engine.begin() as elsewhere:
        elsewhere.exec_driver_sql("SELECT * FROM call_events FOR UPDATE")
        assert settle.settle(world.dialer) == []
    assert outcomes(world) == {"sim_0 ringing": None}
    settle.settle(world.dialer)
    assert outcomes(world) == {"sim_0 ringing": "moved"}


def test_a_second_end_with_another_word_changes_nothing(world: World) -> None:
    campaign = on_the_way(world)
    call = world.call(campaign)
    world.report([event(call, EventKind.ENDED)])
    ended = world.call(campaign)
    late = CallEvent(call.token, "again", "sim_0", EventKind.ENDED, disposition=Disposition.ANSWERED)
    world.report([late])
    assert world.call(campaign) == ended
    assert outcomes(world)["again"] == "call_ended"
    assert world.counts(campaign)["answered"] == 0


def test_news_of_a_released_call_that_it_lives_is_late_evidence(world: World) -> None:
    """It cannot be, for it was never sent; if it is, somebody's phone rings, and that must end."""
    campaign = world.campaign(world.contacts(1))
    world.reserve(campaign)
    world.pause(campaign)
    call = world.call(campaign)
    assert call.disposition == "not_sent"
    world.report([event(call, EventKind.RINGING, "sim_77")])
    assert world.call(campaign).late_evidence_at is not None
    assert "sim_77" in world.stage.end_requests
    world.report([event(call, EventKind.ENDED, "sim_77", disposition=Disposition.CANCELED)])


class Killed(BaseException):
    """The process has ended here."""


def test_who_asked_never_to_be_called_again_is_on_the_list_wherever_settling_dies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = on_the_way(world)
    call = world.call(campaign)
    unwanted = event(call, EventKind.ENDED, disposition=Disposition.REJECTED, sip_code=607)
    record.record(world.dialer, "simulator", [unwanted])

    def die(name: str) -> None:
        if name == "settle.after_commit":
            raise Killed

    monkeypatch.setattr(settle, "crashpoint", die)
    with pytest.raises(Killed):
        settle.settle(world.dialer)
    monkeypatch.undo()
    assert world.call(campaign).disposition == "rejected"
    assert [row.number for row in world.sql("SELECT number FROM do_not_call")] == [call.to_number]
    world.dialer.slots.release([SlotRequest(call.id, world.team, campaign, call.number_id, call.account_id)])
