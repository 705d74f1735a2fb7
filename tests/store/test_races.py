"""Two at once: contacts added while a campaign completes, one call settled twice, one tick taken twice, and more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.dialing import committing, reserve, running
from tests.store.racing import Race, result
from tests.world import MONDAY_NOON, World
from worker.carriers.base import CallEvent
from worker.domain.lifecycle import Verb
from worker.domain.model import CallState, ContactStatus, Disposition, EventKind
from worker.flow import admit, finish, record, settle
from worker.flow.base import slot_of
from worker.flow.ending import not_sent
from worker.operations import campaigns as campaign_operations
from worker.simulator.lives import Life
from worker.slots import SlotRequest, Slots, connect
from worker.store import campaign_ends, campaigns, claims, events, moves, runs, ticks, wakes
from worker.store.crm import contacts
from worker.store.moves import Move

PHONE = "+12025550777"


def locking(statement: str, **values: Any) -> Callable[[Connection], Any]:
    """Hold rows until the transaction ends, so that others pile up behind them."""
    return lambda conn: conn.execute(text(statement), values).all()


# -- adding and completing


def test_completing_waits_for_contacts_being_added(world: World, race: Race) -> None:
    campaign, contact = running(world, []), world.contact()
    adding = race.session()
    adding.do(lambda conn: campaigns.share(conn, campaign))
    adding.do(lambda conn: contacts.add(conn, world.team, campaign, [contact]))
    finishing = race.start(lambda: finish.finish(world.dialer, [campaign]))
    race.until_waiting(finishing)
    adding.commit()
    result(finishing)
    assert world.status(campaign) == "running"


def test_adding_waits_for_a_campaign_being_completed_and_learns_of_it(world: World, race: Race) -> None:
    campaign, contact = running(world, []), world.contact()
    finishing = race.session()
    finishing.do(completing(campaign))
    adding = race.start(lambda: campaign_operations.add_contacts(world.dialer, campaign, [contact], actor="test"))
    race.until_waiting(adding)
    finishing.commit()
    added, steps = result(adding)
    assert (added.new, steps) == (1, [])
    assert world.status(campaign) == "completed"
    world.run(campaign)
    assert world.status(campaign) == "running"


def completing(campaign: str) -> Callable[[Connection], None]:
    def work(conn: Connection) -> None:
        assert campaigns.lock(conn, campaign)
        assert campaign_ends.finished(conn, [campaign]) == [campaign]
        assert campaigns.move(conn, Verb.COMPLETE, campaign)
        runs.end_open(conn, campaign, "completed")

    return work


def test_one_number_added_twice_at_once_is_called_once(world: World, race: Race) -> None:
    """Two requests, each with a contact of its own, and both contacts have the same number."""
    campaign, one, other = world.campaign(), world.contact(PHONE), world.contact(PHONE)
    first = race.session()
    first.do(lambda conn: campaigns.share(conn, campaign))
    first.do(lambda conn: contacts.add(conn, world.team, campaign, [one]))
    second = race.start(lambda: campaign_operations.add_contacts(world.dialer, campaign, [other], actor="test"))
    race.until_waiting_or_done(second)
    first.commit()
    result(second)
    assert world.by_status(campaign) == {"pending": 1, "skipped": 1}


# -- settling


class Counting(Slots):
    """Slots that remember what was given back."""

    def release(self, calls: Sequence[SlotRequest]) -> int:
        self.released = [*getattr(self, "released", []), *(call.call_id for call in calls)]
        return super().release(calls)


def answered(world: World) -> str:
    """A call that somebody answered, as the carrier has it, too."""
    world.script({"*": Life(ring_seconds=5, talk_seconds=600)})
    campaign = world.campaign([world.contact()])
    world.run(campaign)
    world.set_clock(world.now + timedelta(seconds=30))
    world.play()
    [row] = world.calls(campaign)
    assert row.state == "in_progress"
    return str(row.id)


def test_two_settles_end_a_call_once_and_release_its_slot_once(world: World, race: Race, redis_url: str) -> None:
    """The carrier sent the end twice, under two names, and two workers have one each."""
    call = answered(world)
    [row] = world.sql("SELECT token, carrier_call_id FROM calls")
    events = [
        CallEvent(row.token, name, row.carrier_call_id, EventKind.ENDED, world.now, disposition=Disposition.ANSWERED)
        for name in ("ended", "ended again")
    ]
    record.record(world.dialer, "simulator", events)
    slots = Counting(connect(redis_url), "test")
    one_each = replace(world.dialer.bounds, settle_batch=1)
    dialer = replace(world.dialer, slots=slots, bounds=one_each)
    holder = race.session()
    holder.do(locking("SELECT id FROM calls FOR UPDATE"))
    settling = [race.start(lambda: settle.settle(dialer)) for _ in range(2)]
    race.until_waiting(*settling)
    holder.commit()
    for work in settling:
        result(work)
    assert slots.released == [call]
    assert world.sql("SELECT outcome, count(*) FROM call_events WHERE kind = 'ended' GROUP BY 1 ORDER BY 1") == [
        ("call_ended", 1),
        ("moved", 1),
    ]
    assert world.sql("SELECT count(*) FROM counter_deltas WHERE call_id = :id", id=call) == [(1,)]
    assert world.sql("SELECT status FROM campaign_contacts") == [("completed",)]


def test_two_who_would_end_a_call_end_it_once(world: World, race: Race) -> None:
    """A look-up and an event, both of which read the call while it lived."""
    call = answered(world)
    first, second = race.session(), race.session()
    lost = Move(
        call, CallState.ENDED, disposition=Disposition.LOST, contact_status=ContactStatus.QUEUED, due_in_seconds=3600
    )
    ended = Move(call, CallState.ENDED, disposition=Disposition.ANSWERED, contact_status=ContactStatus.COMPLETED)
    [row] = first.do(lambda conn: moves.advance(conn, [ended]))
    assert row.just_ended
    late = second.start(lambda conn: moves.advance(conn, [lost]))
    race.until_waiting(late)
    first.commit()
    assert result(late) == []
    second.commit()
    world.dialer.slots.release([slot_of(row)])
    assert world.sql("SELECT disposition FROM calls") == [("answered",)]
    assert world.sql("SELECT status, answered FROM campaign_contacts") == [("completed", True)]


def test_events_that_one_settle_holds_are_passed_over_by_another(world: World, race: Race) -> None:
    inbox = [events.Event(f"{n:032x}", "e", f"c{n}", "ringing") for n in range(3)]
    world.write(lambda conn: events.insert(conn, "simulator", inbox))
    one, other = race.session(), race.session()
    taken = [row.id for row in one.do(lambda conn: events.take(conn, most=2))]
    rest = [row.id for row in other.do(lambda conn: events.take(conn, most=10))]
    assert (len(taken), len(rest)) == (2, 1)
    assert max(taken) < min(rest)


# -- waking


def test_the_tick_sees_what_was_committed_while_it_waited_for_the_campaign(world: World, race: Race) -> None:
    """Else it would set its alarm a minute ahead, over the alarm of a contact that is due in five seconds."""
    campaign = running(world, [world.contact()])
    [call] = reserve(world, campaign)
    dialing, ticking = race.session(), race.session()
    dialing.do(committing(world, call))
    ended = dialing.do(lambda conn: moves.advance(conn, [not_sent(call, "connection refused", 5.0)]))
    looking = ticking.start(lambda conn: campaigns.lock_all(conn, [campaign]))
    race.until_waiting(looking)
    dialing.commit()
    world.dialer.slots.release([slot_of(row) for row in ended])
    result(looking)
    [row] = ticking.do(lambda conn: wakes.next_due(conn, [campaign]))
    assert row.due_by_zone == [["", (MONDAY_NOON + timedelta(seconds=5)).timestamp()]]
    assert not row.is_live
    ticking.commit()


def test_settling_calls_of_two_campaigns_does_not_lock_them_against_a_claim(world: World, race: Race) -> None:
    """The claim locks campaigns in id order; a settle that took them in another would deadlock with it, and
    hold up the whole team for the second it takes PostgreSQL to notice."""
    first, second = sorted(running(world, [world.contact()]) for _ in range(2))
    world.sql("UPDATE campaigns SET name = repeat('x', 3000) WHERE id = :id", id=first)  # now it lies behind the other
    both = reserve(world, first, second)
    holder, claiming, settling = race.session(), race.session(), race.session()
    holder.do(locking("SELECT id FROM campaigns WHERE id = :id FOR UPDATE", id=first))
    claim = claiming.start(lambda conn: conn.execute(*claims.lock(world.team, [first, second])).all())
    race.until_waiting(claim)
    both_ended = [not_sent(call, "connection refused", 5.0) for call in both]
    settle_both = settling.start(lambda conn: moves.advance(conn, both_ended))
    race.until_waiting(claim, settle_both)
    holder.commit()
    result(claim)
    claiming.commit()
    world.dialer.slots.release([slot_of(row) for row in result(settle_both)])
    settling.commit()


# -- ticks, runs, the clock


def test_two_ticks_at_once_are_one(world: World, race: Race) -> None:
    one, other = race.session(), race.session()
    assert one.do(tick)
    late = other.start(tick)
    race.until_waiting(late)
    one.commit()
    assert result(late) is False
    other.commit()


def test_a_tick_whose_worker_died_is_taken_by_the_next(world: World, race: Race) -> None:
    one, other = race.session(), race.session()
    assert one.do(tick)
    late = other.start(tick)
    race.until_waiting(late)
    one.rollback()
    assert result(late) is True


def tick(conn: Connection) -> bool:
    return ticks.claim(conn, "reconcile", every_seconds=60)


def test_two_runs_at_once_leave_exactly_one_open(world: World, race: Race) -> None:
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=2)
    holder = race.session()
    holder.do(locking("SELECT id FROM campaigns FOR UPDATE"))
    requests = [race.start(lambda: admit.run_campaign(world.dialer, campaign, opened_by="api")) for _ in range(2)]
    race.until_waiting(*requests)
    holder.commit()
    opened = {result(request)[0].run_id for request in requests}
    rows = world.sql("SELECT id, state, end_reason FROM runs ORDER BY state")
    assert {row.id for row in rows} == opened
    assert [(row.state, row.end_reason) for row in rows] == [("open", None), ("ended", "superseded")]
    assert world.sql("SELECT run_id FROM campaigns") == [(rows[0].id,)]


def test_a_due_campaign_is_started_once_by_two_at_once(world: World, race: Race) -> None:
    at = world.now + timedelta(minutes=1)
    campaign = world.campaign([world.contact()], scheduledStartAt=at.isoformat())
    world.set_clock(at)
    holder = race.session()
    holder.do(locking("SELECT id FROM campaigns FOR UPDATE"))
    starts = [race.start(lambda: admit.start(world.dialer, campaign)) for _ in range(2)]
    race.until_waiting(*starts)
    holder.commit()
    assert sorted((result(start) for start in starts), key=str) == [None, world.team]
    assert world.sql("SELECT count(*) FROM runs") == [(1,)]


def test_business_time_does_not_go_back_for_who_had_to_wait_to_set_it(world: World, race: Race) -> None:
    first, second = race.session(), race.session()
    first.do(lambda conn: conn.execute(text("LOCK TABLE clock IN EXCLUSIVE MODE")))
    hour = MONDAY_NOON + timedelta(hours=1)
    moment_before = hour - timedelta(seconds=1)
    late = second.start(setting(moment_before, 0))
    race.until_waiting(late)
    first.do(setting(hour, 100_000))
    first.commit()
    with pytest.raises(Exception, match="business time only moves forward"):
        result(late)
    second.rollback()
    assert world.now >= hour


def setting(at: Any, speed: float) -> Callable[[Connection], Any]:
    return lambda conn: conn.execute(text("SELECT dialer_set_clock(:at, :speed)"), {"at": at, "speed": speed})
