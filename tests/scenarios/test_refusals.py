"""What the carrier refuses, and what never left: counted for nothing, and acted on where it matters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stage import refuse_connection
from tests.world import World
from worker.carriers.base import Action, Rejected
from worker.simulator.lives import Life, Refusal

ANSWERED = Life(1, 5)


def refused(world: World, status: int, code: str = "", retry_after: float | None = None, **policy: object) -> str:
    world.script({"*": [Life(refusal=Refusal(status, code, retry_after)), ANSWERED]})
    campaign = world.campaign(world.contacts(1), **policy)
    world.run(campaign)
    return campaign


def account(world: World) -> Any:
    return world.sql(
        "SELECT enabled, resting_reason, extract(epoch FROM resting_until - clock_timestamp())::float AS rests"
        " FROM carrier_accounts"
    )[0]


def test_a_request_that_never_left_counts_for_nothing_and_the_account_rests(world: World) -> None:
    world.stage.answer = refuse_connection
    (contact,) = people = world.contacts(1)
    campaign = world.campaign(people)
    world.run(campaign, max_calls=1)
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.attempts, entry.called) == ("queued", 0, False)
    assert 5 <= (entry.due_at - world.now).total_seconds() <= 10
    assert world.call(campaign).disposition == "not_sent"
    assert world.sql("SELECT calls_used FROM runs")[0].calls_used == 0
    assert world.counts(campaign)["called"] == 0
    assert 0 < account(world).rests <= 2
    assert world.dialer.slots.members() == {}
    world.stage.answer = lambda call_request: None
    world.pass_machine_time(5)
    world.until(campaign, "completed")
    assert world.entry(campaign, contact).attempts == 1


def test_nobody_is_called_through_an_account_that_rests(world: World) -> None:
    world.stage.answer = refuse_connection
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=1)
    world.run(campaign)
    world.stage.answer = lambda call_request: None
    world.sql("UPDATE carrier_accounts SET resting_until = clock_timestamp() + interval '1 hour'")
    requests = len(world.stage.requests)
    world.advance(120)
    assert len(world.stage.requests) == requests
    world.pass_machine_time(3700)
    world.until(campaign, "completed")


def test_however_often_nothing_leaves_the_contact_is_not_used_up(world: World) -> None:
    world.stage.answer = refuse_connection
    (contact,) = people = world.contacts(1)
    campaign = world.campaign(people, maxAttemptsPerContact=1)
    world.run(campaign)
    for _ in range(5):
        world.pass_machine_time(10)
        world.advance(15)
    assert len(world.calls(campaign)) >= 5
    assert world.entry(campaign, contact).attempts == 0
    world.stage.answer = lambda call_request: None
    world.pass_machine_time(10)
    world.until(campaign, "completed")
    assert world.entry(campaign, contact).status == "completed"


def test_a_429_puts_the_contact_back_and_rests_the_account(world: World) -> None:
    campaign = refused(world, 429, "too_many_requests")
    (call,) = world.calls(campaign)
    assert (call.disposition, world.by_status(campaign)) == ("not_sent", {"queued": 1})
    assert 1 <= account(world).rests <= 30
    world.pass_machine_time(60)
    world.until(campaign, "completed")
    assert world.entry(campaign, call.contact_id).attempts == 1


@pytest.mark.parametrize("seconds", [7, 20, 120])
def test_the_account_rests_as_long_as_the_carrier_asks(world: World, seconds: int) -> None:
    campaign = refused(world, 429, "too_many_requests", seconds)
    assert account(world).rests == pytest.approx(seconds, abs=2)
    world.cancel(campaign)


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "account_suspended")])
def test_a_stopped_account_pauses_every_campaign_that_dials_through_it(world: World, status: int, code: str) -> None:
    world.script({"*": Life(1, 100)})
    bystander = world.campaign(world.contacts(2), maxConcurrentCalls=1)
    world.run(bystander)
    draft = world.campaign(world.contacts(1))
    campaign = refused(world, status, code)
    for stopped in (campaign, bystander):
        row = world.campaign_row(stopped)
        assert (row.status, row.pause_reason) == ("paused", f"account_stopped: {code}")
    assert world.status(draft) == "draft"
    assert world.counts(campaign)["called"] == 0
    (account_id,) = {call.account_id for call in world.calls(campaign)}
    noted = world.sql("SELECT subject_id, action, detail FROM audit_log WHERE actor = 'dialer' ORDER BY id")
    assert [(row.subject_id, row.action) for row in noted] == [
        (account_id, "stop_account"),
        *((campaign_id, "pause") for campaign_id in sorted([campaign, bystander])),
    ]
    assert noted[0].detail == {"code": code}


def test_once_the_account_is_mended_resuming_is_all_there_is_to_do(world: World) -> None:
    campaign = refused(world, 401, "unauthorized")
    assert account(world).enabled
    world.resume(campaign)
    world.advance(15)
    world.until(campaign, "completed")


def test_a_caller_id_that_may_not_be_shown_leaves_the_rotation_and_the_contact_is_called_with_another(
    world: World,
) -> None:
    campaign = refused(world, 422, "caller_id_not_allowed")
    first = world.calls(campaign)[0]
    (number,) = world.sql("SELECT * FROM phone_numbers WHERE NOT enabled")
    assert (number.id, number.disabled_reason) == (first.number_id, "caller_id_not_allowed")
    world.until(campaign, "completed")
    assert world.calls(campaign)[1].number_id != first.number_id


def test_a_campaign_whose_last_caller_id_left_the_rotation_is_paused_with_the_reason(world: World) -> None:
    world.stage.answer = lambda call_request: Rejected("caller_id_not_allowed", Action.RETIRE_NUMBER)
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.advance(60)
    assert world.sql("SELECT count(*) FROM phone_numbers WHERE enabled")[0][0] == 0
    row = world.campaign_row(campaign)
    assert row.status == "paused"
    assert "caller_id_not_allowed" in row.pause_reason or "number" in row.pause_reason


def test_a_flagged_caller_id_rests_for_hours_and_the_contact_is_called_with_another(world: World) -> None:
    campaign = refused(world, 422, "caller_id_flagged")
    first = world.calls(campaign)[0]
    (number,) = world.sql("SELECT * FROM phone_numbers WHERE resting_until > clock_timestamp() + interval '1 hour'")
    assert number.id == first.number_id
    world.until(campaign, "completed")
    assert world.calls(campaign)[1].number_id != first.number_id


def test_an_unknown_refusal_is_a_technical_failure_of_which_there_are_three(world: World) -> None:
    world.stage.answer = lambda call_request: Rejected("no_route", Action.FAILED)
    (contact,) = people = world.contacts(1)
    campaign = world.campaign(people, retryDelayMinutes=10)
    world.run(campaign)
    world.until(campaign, "completed")
    entry = world.entry(campaign, contact)
    assert (entry.status, entry.reason) == ("failed", "technical")
    first, second, third = world.dialed(contact)
    assert (second - first).total_seconds() == (third - second).total_seconds() == 600


def test_calls_of_one_message_may_be_refused_for_different_reasons(world: World) -> None:
    unlucky, early = world.contacts(2)
    world.script({
        world.phone(unlucky): [Life(refusal=Refusal(422, "no_route")), ANSWERED],
        world.phone(early): [Life(refusal=Refusal(429, "too_many_requests", 1)), ANSWERED],
    })  # fmt: skip
    campaign = world.campaign([unlucky, early], maxConcurrentCalls=2)
    world.run(campaign)
    assert {call.disposition for call in world.calls(campaign)} == {"not_sent"}
    assert world.by_status(campaign) == {"queued": 2}


def test_what_the_send_fence_held_back_does_not_rest_the_account(world: World) -> None:
    world.deploy(send_fence_seconds=-1.0)
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    call = world.call(campaign)
    assert (call.disposition, call.cause) == ("not_sent", "the send fence had passed")
    assert world.stage.requests == []
    assert account(world).rests is None
    world.deploy(send_fence_seconds=2.0)
    world.until(campaign, "completed")
