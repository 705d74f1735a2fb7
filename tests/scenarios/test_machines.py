"""Answering machines: listened for where the campaign asks, and then called again, or done with; hung up on, or not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from tests.world import World
from worker.carriers.base import CallEvent, Verdict
from worker.carriers.simulated.protocol import AnsweredBy
from worker.domain.model import Disposition, EventKind
from worker.flow import record, settle
from worker.simulator.lives import Callbacks, Life

MACHINE = Life(1, 60, answered_by=AnsweredBy.MACHINE)
FAX = Life(1, 60, answered_by=AnsweredBy.FAX)
LATE = Life(1, 5, answered_by=AnsweredBy.MACHINE, verdict_is_late=True)
SILENT = Life(1, 600, callbacks=Callbacks.NONE)


def call_out(world: World, life: Life, **detection: Any) -> tuple[str, str]:
    world.script({"*": life})
    (contact,) = people = world.contacts(1)
    campaign = world.campaign(people, settings={"machineDetection": detection}, maxAttemptsPerContact=1)
    world.run(campaign)
    return campaign, contact


def pass_waiting(world: World, seconds: float) -> None:
    """Let machine time pass for the events in the inbox."""
    ago = {"ago": f"{seconds} seconds"}
    world.sql("UPDATE call_events SET received_at = received_at - CAST(:ago AS interval)", **ago)
    world.sql("UPDATE call_events SET held_until = held_until - CAST(:ago AS interval)", **ago)


def test_the_carrier_is_asked_to_listen_only_where_the_campaign_says_so(world: World) -> None:
    call_out(world, MACHINE)
    world.run(world.campaign(world.contacts(1)))
    call_out(world, MACHINE, enabled=False)
    assert [order.detects_machines for order in world.stage.requests] == [True, False, False]
    world.finish_all()


def test_a_machine_is_hung_up_on_and_its_contact_called_again(world: World) -> None:
    campaign, contact = call_out(world, MACHINE)
    world.advance(4)
    call = world.call(campaign)
    assert (call.disposition, call.machine_verdict, world.stage.live()) == ("machine", "machine", [])
    assert world.stage.end_requests == [call.carrier_call_id]
    assert (world.entry(campaign, contact).status, world.counts(campaign)["answered"]) == ("exhausted", 0)


def test_a_machine_is_left_to_the_assistant_where_the_campaign_says_so(world: World) -> None:
    campaign, contact = call_out(world, MACHINE, hangUp=False, onMachine="complete")
    world.advance(30)
    assert (world.call(campaign).state, world.stage.end_requests) == ("in_progress", [])
    world.until(campaign, "completed")
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.answered, world.call(campaign).disposition) == ("completed", True, "machine")
    assert world.counts(campaign)["answered"] == 1


def test_a_call_marked_for_its_end_while_queued_is_still_left_to_the_assistant(world: World) -> None:
    """The mark was for a call nobody had answered; who talks by now goes on."""
    campaign, _ = call_out(world, MACHINE, hangUp=False)
    world.stage.can_end = False
    world.pause(campaign)
    world.advance(10)
    world.stage.can_end = True
    world.advance(10)
    assert (world.call(campaign).state, world.call(campaign).machine_verdict) == ("in_progress", "machine")
    assert len(world.stage.live()) == 1
    world.advance(60)
    assert world.call(campaign).disposition == "machine"


def test_a_fax_is_hung_up_on_and_never_called_again_whatever_the_policy(world: World) -> None:
    campaign, contact = call_out(world, FAX, hangUp=False, onMachine="complete")
    world.advance(4)
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.reason, world.stage.live()) == ("failed", "fax", [])


def test_an_end_without_a_verdict_waits_for_it_and_is_settled_with_it(world: World) -> None:
    campaign, contact = call_out(world, LATE)
    world.advance(6.5)
    assert [e.kind for e in world.sql("SELECT kind FROM call_events WHERE outcome IS NULL")] == ["ended"]
    assert (world.call(campaign).state, world.entry(campaign, contact).status) == ("in_progress", "calling")
    world.advance(1)
    call = world.call(campaign)
    assert (call.disposition, call.machine_verdict) == ("machine", "machine")
    assert world.entry(campaign, contact).status == "exhausted"


def test_a_verdict_that_does_not_come_in_time_is_waited_for_no_longer(world: World) -> None:
    campaign, contact = call_out(world, LATE)
    world.advance(6.5)
    world.tick()
    assert world.call(campaign).state == "in_progress"
    pass_waiting(world, world.dialer.bounds.verdict_wait_seconds)
    world.tick()
    assert world.call(campaign).disposition == "answered"
    world.advance(1)
    call, entry = world.call(campaign), world.entry(campaign, contact)
    assert (call.disposition, call.machine_verdict) == ("answered", "machine"), "a late verdict annotates"
    assert (entry.status, world.status(campaign)) == ("completed", "completed")


def test_without_detection_an_end_is_settled_at_once(world: World) -> None:
    world.script({"*": LATE})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.advance(6.5)
    assert world.call(campaign).disposition == "answered"
    world.advance(1)


def event(call: Any, kind: EventKind, **more: Any) -> CallEvent:
    return CallEvent(call.token, f"{kind}", call.carrier_call_id, kind, **more)


def test_events_that_wait_for_a_verdict_do_not_keep_the_inbox_busy(world: World) -> None:
    world.deploy(settle_batch=1)
    campaign, _ = call_out(world, SILENT)
    call = world.call(campaign)
    over = event(call, EventKind.ENDED, disposition=Disposition.ANSWERED)
    record.record(world.dialer, "simulator", [over])
    settle.settle(world.dialer)
    assert settle.settle(world.dialer) == []
    assert world.steps_of_a_tick() == []
    world.report([event(call, EventKind.MACHINE, verdict=Verdict.HUMAN)])
    assert world.call(campaign).disposition == "answered"


@pytest.mark.parametrize("disposition", [Disposition.BUSY, Disposition.NO_ANSWER, Disposition.FAILED])
def test_only_an_answered_call_waits_for_a_verdict(world: World, disposition: Disposition) -> None:
    campaign, _ = call_out(world, SILENT)
    world.report([event(world.call(campaign), EventKind.ENDED, disposition=disposition)])
    assert world.call(campaign).disposition == disposition
    world.finish_all()


def test_a_verdict_before_the_answer_is_acted_on_when_that_comes(world: World) -> None:
    campaign, _ = call_out(world, SILENT)
    call = world.call(campaign)
    world.report([event(call, EventKind.MACHINE, verdict=Verdict.MACHINE)])
    assert world.stage.end_requests == []
    world.report([event(call, EventKind.ANSWERED)])
    assert world.stage.end_requests == [call.carrier_call_id]
    world.report([event(call, EventKind.ENDED, disposition=Disposition.ANSWERED)])
    assert world.call(campaign).disposition == "machine"


def test_settings_of_that_name_that_were_kept_before_they_meant_anything_switch_nothing_on(world: World) -> None:
    campaign = world.campaign(world.contacts(1))
    world.edit_campaign(campaign, settings='{"machineDetection": "yes please"}')
    world.run(campaign)
    world.until(campaign, "completed")
    assert [order.detects_machines for order in world.stage.requests] == [False]


@pytest.mark.parametrize("first", ["ended", "machine"])
def test_an_end_and_its_verdict_that_two_workers_settle_at_once_find_each_other(world: World, first: str) -> None:
    """Each takes one of the two, and waits for the call's row; whoever comes second sees what the first did."""
    world.deploy(settle_batch=1)
    campaign, _ = call_out(world, SILENT)
    call = world.call(campaign)
    news = {
        "ended": event(call, EventKind.ENDED, disposition=Disposition.ANSWERED),
        "machine": event(call, EventKind.MACHINE, verdict=Verdict.MACHINE),
    }
    second = next(kind for kind in news if kind != first)
    with ThreadPoolExecutor(2) as workers, world.engine.connect() as in_the_way:
        in_the_way.execute(text("SELECT FROM calls WHERE id = :id FOR UPDATE"), {"id": call.id})
        settling = []
        for n, kind in enumerate((first, second), start=1):
            record.record(world.dialer, "simulator", [news[kind]])
            settling.append(workers.submit(settle.settle, world.dialer))
            wait_for_blocked(world, n)
        in_the_way.rollback()
        steps = [step for future in settling for step in future.result(30)]
    world.carry_out(steps)
    assert (world.call(campaign).disposition, world.call(campaign).machine_verdict) == ("machine", "machine")


def wait_for_blocked(world: World, count: int) -> None:
    """Wait until so many transactions wait for another's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(2000):
        if world.sql(waiting)[0][0] >= count:
            return
    raise AssertionError("nobody waits for a lock")
