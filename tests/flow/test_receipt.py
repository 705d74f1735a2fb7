"""What is settled when it comes, and what is left in the inbox for whoever drains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from tests.store.racing import Race
from tests.world import World
from worker.carriers.base import CallEvent
from worker.domain.model import Disposition, EventKind
from worker.flow import record, settle
from worker.flow.base import Fill, Settle
from worker.flow.receipt import settle_received
from worker.simulator.lives import Callbacks, Life
from worker.store.events import MOST_PER_CALL

SILENT = Life(5, 600, callbacks=Callbacks.NONE)


def placed(world: World, contacts: int = 1, **more: Any) -> list[Any]:
    """Calls that are under way and of which no news has come."""
    world.script({"*": SILENT})
    campaign = world.campaign(world.contacts(contacts), maxConcurrentCalls=contacts, **more)
    world.run(campaign)
    return list(world.calls(campaign))


def event(call: Any, kind: EventKind, name: str = "", carrier_call_id: str | None = None, **more: Any) -> CallEvent:
    if kind is EventKind.ENDED:
        more.setdefault("disposition", Disposition.BUSY)
    of = carrier_call_id or call.carrier_call_id
    return CallEvent(call.token, f"{of} {kind} {name}", of, kind, **more)


def waiting(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM call_events WHERE outcome IS NULL")[0][0])


def take_in(world: World, *news: CallEvent) -> list[Any]:
    return settle_received(world.dialer, "simulator", list(news))


def test_an_end_is_settled_at_once_and_its_slot_is_free(world: World) -> None:
    (call,) = placed(world)
    steps = take_in(world, event(call, EventKind.ENDED))
    assert steps == [Fill(world.team, (call.campaign_id,))]
    assert waiting(world) == 0
    assert world.call(call.campaign_id).disposition == "busy"
    assert world.dialer.slots.members() == {}


def test_who_hands_on_leaves_one_message_for_all_that_end(world: World) -> None:
    calls = placed(world, 4)
    steps = [
        settle_received(world.dialer, "simulator", [event(call, EventKind.ENDED)], hands_on=True) for call in calls
    ]
    assert [len(each) for each in steps] == [1, 0, 0, 0]
    assert world.dialer.slots.members() == {}
    taken = world.dialer.fill_requests.take(10, world.dialer.nudge, "settle")
    assert taken == ([(world.team, calls[0].campaign_id)], False, False)


def test_news_is_settled_though_redis_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The carrier is answered, and does not send it again; the slots are the reconciler's."""
    (call,) = placed(world)
    world.redis.flushall()
    monkeypatch.setattr(world.dialer.slots, "release", _away)
    assert take_in(world, event(call, EventKind.ENDED)) == []
    assert world.call(call.campaign_id).disposition == "busy"
    monkeypatch.undo()
    world.tick()


def _away(*_: object) -> None:
    from worker.domain.errors import Unavailable

    raise Unavailable("Redis does not answer.")


def test_a_call_that_somebody_has_in_hand_is_not_waited_for(world: World, race: Race) -> None:
    call, other = placed(world, 2)
    holder = race.session()
    holder.do(lambda conn: conn.execute(text("SELECT FROM calls WHERE id = :id FOR UPDATE"), {"id": call.id}))
    steps = take_in(world, event(call, EventKind.ENDED), event(other, EventKind.ENDED))
    assert steps == [Fill(world.team, (call.campaign_id,)), Settle()]
    assert waiting(world) == 1
    holder.rollback()
    world.carry_out(settle.settle(world.dialer))
    assert {row.disposition for row in world.calls(call.campaign_id)} == {"busy"}


def _after_other_news(world: World, call: Any) -> Sequence[CallEvent]:
    record.record(world.dialer, "simulator", [event(call, EventKind.RINGING)])
    return [event(call, EventKind.ENDED)]


LEFT: dict[str, Callable[[World, Any], Sequence[CallEvent]]] = {
    "of which other news waits": _after_other_news,
    "of nobody": lambda world, call: [
        CallEvent("f" * 32, "sim_x ended", "sim_x", EventKind.ENDED, disposition=Disposition.BUSY)
    ],
    "of another call under its token": lambda world, call: [event(call, EventKind.ENDED, carrier_call_id="sim_9")],
    "that asks for a ban": lambda world, call: [
        event(call, EventKind.ENDED, disposition=Disposition.REJECTED, sip_code=607)
    ],
    "of a caller ID that is refused": lambda world, call: [
        event(call, EventKind.ENDED, disposition=Disposition.REJECTED, sip_code=608)
    ],
    "of a carrier that does badly": lambda world, call: [event(call, EventKind.ENDED, disposition=Disposition.FAILED)],
}


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_what_asks_for_more_than_a_move_is_left_in_the_inbox(
    world: World, left: Callable[[World, Any], Sequence[CallEvent]]
) -> None:
    (call,) = placed(world)
    news = left(world, call)
    before = waiting(world)
    assert take_in(world, *news) == [Settle()]
    assert waiting(world) == before + len(news)
    assert world.call(call.campaign_id).state == "placed", "nothing of it was written"
    world.carry_out([Settle()])
    assert waiting(world) == 0
    world.sql("UPDATE carrier_accounts SET recent_results = '', breaker_until = NULL")
    world.finish_all()


def test_an_end_that_lacks_the_word_on_who_answered_is_left_and_the_word_settles_it(world: World) -> None:
    (call,) = placed(world, settings={"machineDetection": {"enabled": True}})
    take_in(world, event(call, EventKind.ANSWERED))
    take_in(world, event(call, EventKind.ENDED, disposition=Disposition.ANSWERED))
    assert waiting(world) == 1
    world.carry_out([Settle()])
    assert world.call(call.campaign_id).state == "in_progress", "it is held"
    world.carry_out(take_in(world, event(call, EventKind.MACHINE, verdict="machine")))
    assert world.call(call.campaign_id).disposition == "machine"


def test_what_comes_again_changes_nothing_however_it_comes(world: World) -> None:
    (call,) = placed(world)
    life = [event(call, kind) for kind in (EventKind.RINGING, EventKind.ANSWERED)]
    assert take_in(world, *life, *life) == []
    assert take_in(world, *reversed(life)) == []
    assert len(world.sql("SELECT FROM call_events")) == 2
    end = event(call, EventKind.ENDED)
    world.carry_out(take_in(world, end, end))
    assert take_in(world, end) == []
    assert world.sql("SELECT count(*) FROM counter_deltas WHERE call_id IS NOT NULL") == [(1,)]


def test_no_more_is_kept_of_a_call_than_of_any_other(world: World) -> None:
    (call,) = placed(world)
    take_in(world, *(event(call, EventKind.RINGING, str(n)) for n in range(MOST_PER_CALL)))
    assert len(world.sql("SELECT FROM call_events")) == MOST_PER_CALL
    assert take_in(world, event(call, EventKind.ENDED)) == []
    assert len(world.sql("SELECT FROM call_events")) == MOST_PER_CALL
    assert world.call(call.campaign_id).state == "ringing", "what was not kept has moved nothing"
    world.finish_all()
