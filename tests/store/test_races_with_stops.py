"""The invariant ``stops_hold``: whatever stops a call — a pause, a cancel, a ban, an edit — is seen by the commit to
dial it, or waits for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.dialing import committing, reserve, running
from tests.store.racing import Race, result
from tests.world import World
from worker.domain.lifecycle import Verb
from worker.flow import admit, callbacks, stop
from worker.flow.callbacks import Which
from worker.store import campaign_ends, campaigns, gate
from worker.store.crm import contacts, do_not_call
from worker.store.crm.do_not_call import Entry

Stop = Callable[[Connection, World, str], Any]
"""Stops the first contact of the campaign, or all of it, under the team's lock."""


def pause(conn: Connection, world: World, campaign: str) -> None:
    assert campaigns.move(conn, Verb.PAUSE, campaign, reason="requested")


def cancel(conn: Connection, world: World, campaign: str) -> None:
    assert campaigns.move(conn, Verb.CANCEL, campaign)


def end(conn: Connection, world: World, campaign: str) -> None:
    assert campaign_ends.close(conn, campaign, is_due=False)


def ban(conn: Connection, world: World, campaign: str) -> None:
    do_not_call.add(conn, world.team, ["+12025550001", "+12025550002"], Entry("asked"))


def mark(conn: Connection, world: World, campaign: str) -> None:
    assert contacts.edit(conn, world.team, "cont_0001", {"do_not_call": True})


def renumber(conn: Connection, world: World, campaign: str) -> None:
    assert contacts.edit(conn, world.team, "cont_0001", {"phone": "+12025558888", "phone_e164": "+12025558888"})


def move_away(conn: Connection, world: World, campaign: str) -> None:
    assert contacts.edit(conn, world.team, "cont_0001", {"timezone": "Asia/Tokyo"})


STOPS = [pause, cancel, end, ban, mark, renumber, move_away]


def locked(world: World, campaign: str, do: Stop) -> Callable[[Connection], None]:
    def work(conn: Connection) -> None:
        gate.close_gate(conn, world.team)
        do(conn, world, campaign)

    return work


@pytest.mark.parametrize("do", STOPS, ids=lambda do: do.__name__)
def test_a_stop_waits_for_a_commit_to_dial_and_is_seen_by_the_next(world: World, race: Race, do: Stop) -> None:
    campaign = running(world, world.contacts(2))
    late, early = sorted(reserve(world, campaign), key=lambda call: contact_of(world, call))
    dialing, stopping = race.session(), race.session()
    assert dialing.do(committing(world, early)) == [early]
    stopped = stopping.start(locked(world, campaign, do))
    race.until_waiting(stopped)
    dialing.commit()
    result(stopped)
    stopping.commit()
    assert dialing.do(committing(world, late)) == []
    dialing.commit()
    assert states(world) == {early: "dialing", late: "reserved"}


@pytest.mark.parametrize("do", STOPS, ids=lambda do: do.__name__)
def test_a_commit_to_dial_waits_for_a_stop_and_sees_it(world: World, race: Race, do: Stop) -> None:
    campaign = running(world, [world.contact()])
    [call] = reserve(world, campaign)
    stopping, dialing = race.session(), race.session()
    stopping.do(locked(world, campaign, do))
    committed = dialing.start(committing(world, call))
    race.until_waiting(committed)
    stopping.commit()
    assert result(committed) == []
    dialing.commit()
    assert states(world) == {call: "reserved"}


def test_a_stop_that_was_rolled_back_lets_the_call_go(world: World, race: Race) -> None:
    campaign = running(world, [world.contact()])
    [call] = reserve(world, campaign)
    stopping, dialing = race.session(), race.session()
    stopping.do(locked(world, campaign, cancel))
    committed = dialing.start(committing(world, call))
    race.until_waiting(committed)
    stopping.rollback()
    assert result(committed) == [call]
    dialing.commit()


def asking(world: World, campaign: str) -> Callable[[Connection], Any]:
    """The campaign's only contact asks to be called in an hour."""
    at, which = world.now + timedelta(hours=1), Which(campaign, "cont_0001", world.team)
    return lambda conn: callbacks.ask(conn, which, at.isoformat(), bounds=world.dialer.bounds, actor="test")


def test_who_asks_to_be_called_later_waits_for_a_commit_to_dial_and_is_seen_by_the_next(
    world: World, race: Race
) -> None:
    campaign = running(world, [world.contact()])
    [call] = reserve(world, campaign)
    one, other = race.session(), race.session()
    one.do(asking(world, campaign))
    committed = other.start(committing(world, call))
    race.until_waiting(committed)
    one.commit()
    assert result(committed) == []
    other.commit()
    one.do(lambda conn: callbacks.cancel(conn, Which(campaign, "cont_0001"), actor="test"))
    one.commit()
    assert other.do(committing(world, call)) == [call]
    asked = one.start(asking(world, campaign))
    race.until_waiting(asked)
    other.commit()
    assert "on the phone now" in result(asked).message
    one.commit()
    assert world.sql("SELECT dialed_at < dialer_now() + interval '1 minute', callback_at FROM calls") == [(True, None)]


@pytest.mark.parametrize("stopping", [stop.pause_campaign, stop.cancel_campaign])
def test_pausing_and_cancelling_take_the_lock(world: World, race: Race, stopping: Callable[..., Any]) -> None:
    """And what they leave reserved is released by the step that follows them."""
    campaign = running(world, world.contacts(2))
    first, second = reserve(world, campaign)
    dialing = race.session()
    dialing.do(committing(world, first))
    stopped = race.start(lambda: stopping(world.dialer, campaign, actor="test"))
    race.until_waiting(stopped)
    dialing.commit()
    world.carry_out(result(stopped))
    assert states(world) == {first: "dialing", second: "ended"}


def test_two_commits_to_dial_of_a_team_do_not_wait_for_each_other(world: World, race: Race) -> None:
    first, second = reserve(world, running(world, world.contacts(2)))
    one, other = race.session(), race.session()
    assert one.do(committing(world, first)) == [first]
    assert other.do(committing(world, second)) == [second]
    one.commit()
    other.commit()


def test_a_call_is_committed_to_be_dialed_once(world: World, race: Race) -> None:
    """Its message was delivered twice."""
    [call] = reserve(world, running(world, [world.contact()]))
    one, other = race.session(), race.session()
    assert one.do(committing(world, call)) == [call]
    again = other.start(committing(world, call))
    race.until_waiting(again)
    one.commit()
    assert result(again) == []
    other.commit()
    assert world.sql("SELECT attempts FROM campaign_contacts") == [(1,)]


def test_a_call_of_an_older_run_is_not_dialed(world: World) -> None:
    campaign = running(world, [world.contact()])
    [call] = reserve(world, campaign)
    admit.run_campaign(world.dialer, campaign, opened_by="api")
    with world.dialer.db.begin() as conn:
        assert committing(world, call)(conn) == []


def test_the_locks_of_two_teams_are_apart(world: World, race: Race) -> None:
    one, other = race.session(), race.session()
    one.do(lambda conn: gate.close_gate(conn, "team_a"))
    other.do(lambda conn: gate.close_gate(conn, "team_b"))
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    assert other.do(lambda conn: conn.execute(held).scalar_one()) == 2


def contact_of(world: World, call: str) -> str:
    contact: str = world.sql("SELECT contact_id FROM calls WHERE id = :id", id=call)[0][0]
    return contact


def states(world: World) -> dict[str, str]:
    return {row.id: row.state for row in world.sql("SELECT id, state FROM calls")}
