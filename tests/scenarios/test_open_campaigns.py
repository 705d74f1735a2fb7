"""Campaigns that are kept open: contacts added later are called, nothing is done while there are none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.world import MONDAY_NOON, World
from worker.flow import admit, close
from worker.flow.fill import fill
from worker.operations import campaigns as campaign_operations
from worker.operations.campaign_edit import edit_campaign
from worker.operations.progress import read_progress
from worker.store import wakes
from worker.store.database import transact

DAY = timedelta(days=1)


def test_who_is_added_later_is_called_though_the_message_is_lost(world: World) -> None:
    campaign = world.campaign(world.contacts(1), keepOpen=True)
    world.run(campaign)
    world.advance(600)
    assert world.status(campaign) == "running"
    assert read_progress(world.dialer, world.team, campaign).activity.code == "kept_open"
    world.advance(86_400)
    late = world.contacts(1)
    campaign_operations.add_contacts(world.dialer, campaign, late, actor="test")  # nobody carries out what follows
    world.tick()
    assert len(world.dialed(*late)) == 1
    (run,) = world.sql("SELECT * FROM runs")
    assert run.state == "open"


def test_an_idle_open_campaign_costs_nothing(world: World) -> None:
    campaign = world.campaign(world.contacts(1), keepOpen=True)
    world.run(campaign)
    world.advance(600)
    before = world.sql("SELECT xmin::text, next_wake_at FROM campaigns WHERE id = :id", id=campaign)
    world.advance(86_400)
    found = transact(
        world.engine, lambda conn: wakes.take(conn, most=9, most_cancelled=9, after_team=None, most_teams=9)
    )
    assert not found.running
    assert world.sql("SELECT xmin::text, next_wake_at FROM campaigns WHERE id = :id", id=campaign) == before


def test_it_is_completed_by_hand_or_once_it_is_open_no_more(world: World) -> None:
    by_hand = world.campaign(world.contacts(1), keepOpen=True)
    no_more = world.campaign(world.contacts(1), keepOpen=True)
    for each in (by_hand, no_more):
        world.run(each)
    world.advance(600)
    close.complete_campaign(world.dialer, by_hand, actor="test")
    assert world.status(by_hand) == "completed"
    edit_campaign(world.dialer, world.team, no_more, {"keepOpen": False}, actor="test")  # its message is lost
    world.advance(2)
    assert world.status(no_more) == "completed"


def test_adding_counts_who_is_new_and_who_cannot_be_called(world: World) -> None:
    known = world.contacts(2)
    campaign = world.campaign(known)
    banned = world.contact(do_not_call=True)
    same = world.contacts(2, phone="+12025550999")
    new = [world.contact(), banned, world.contact(None), *same]
    added, _ = campaign_operations.add_contacts(world.dialer, campaign, [*known, *new], actor="test")
    reasons = {"do_not_call": 1, "duplicate_number": 1, "no_phone_number": 1}
    assert added.counts == {
        "added": 5, "alreadyThere": 2, "cannotBeCalled": {"count": 3, "reasons": reasons},
    }  # fmt: skip
    assert world.now == MONDAY_NOON


def test_a_run_that_workers_were_quicker_to_begin_answers_with_its_calls(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = world.contacts(3)
    campaign = world.campaign(people, keepOpen=True, maxConcurrentCalls=2)

    def workers_are_quicker(place: str) -> None:
        if place == "admit.after_commit":
            world.carry_out(fill(world.dialer, world.team, [campaign]).steps)

    monkeypatch.setattr(admit, "crashpoint", workers_are_quicker)
    result = world.run(campaign)
    assert result.message.startswith("Started 2 calls")
    assert {call.call_id for call in result.calls} == {call.id for call in world.calls(campaign)}
    assert {call.contact_id for call in result.calls} == set(people[:2])
    assert result.remaining == 1
    world.finish_all()
