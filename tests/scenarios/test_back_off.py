"""A carrier that says *too fast*: it is left alone as long as it says, and then called half as fast for a while."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.carriers.base import Action, CallRequest, Outcome, Rejected
from worker.flow.base import Dial
from worker.store import breakers, dialing
from worker.store.database import once

TOO_FAST = Rejected("20429", Action.BACK_OFF, 5.0)


def refuse(call_request: CallRequest) -> Outcome:
    return TOO_FAST


def rate(world: World, campaign: str) -> float | None:
    """The account's calls per second as a dial message would find it now."""
    (call,) = [call for call in world.calls(campaign) if call.state == "reserved"][:1]
    (row,) = once(world.dialer.db, lambda conn: dialing.reserved_calls(conn, [call.id], recovery_seconds=60.0))
    return None if row.account_rate is None else float(row.account_rate)


@pytest.fixture
def reserved(world: World) -> str:
    """A campaign with calls reserved through an account of 8 calls a second; no message was sent to dial them."""
    world.sql("UPDATE carrier_accounts SET calls_per_second = 8")
    campaign = world.campaign(world.contacts(4), maxConcurrentCalls=4)
    world.reserve(campaign)
    return campaign


def slow(world: World) -> None:
    account = world.sql("SELECT id FROM carrier_accounts")[0].id
    once(world.dialer.db, lambda conn: breakers.slow(conn, account, recovery_seconds=60.0))


def test_each_429_halves_the_rate_down_to_a_sixteenth(world: World, reserved: str) -> None:
    assert rate(world, reserved) == 8
    rates = []
    for _ in range(6):
        slow(world)
        rates.append(rate(world, reserved))
        world.sql("UPDATE carrier_accounts SET slowed_at = slowed_at - interval '2 seconds'")
    assert rates == [4, 2, 1, 0.5, 0.5, 0.5]


def test_refusals_that_were_on_their_way_together_halve_it_once(world: World, reserved: str) -> None:
    slow(world)
    slow(world)
    assert rate(world, reserved) == 4


def test_it_recovers_step_by_step(world: World, reserved: str) -> None:
    world.sql("UPDATE carrier_accounts SET slowed_times = 3, slowed_at = clock_timestamp()")
    rates = []
    for _ in range(4):
        rates.append(rate(world, reserved))
        world.sql("UPDATE carrier_accounts SET slowed_at = slowed_at - interval '61 seconds'")
    assert rates == [1, 2, 4, 8]


def test_a_429_while_it_recovers_counts_from_where_it_is(world: World, reserved: str) -> None:
    world.sql("UPDATE carrier_accounts SET slowed_times = 3, slowed_at = clock_timestamp() - interval '125 seconds'")
    assert rate(world, reserved) == 4
    slow(world)
    assert rate(world, reserved) == 2


def test_an_account_without_a_rate_only_rests(world: World) -> None:
    world.stage.answer = refuse
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    (account,) = world.sql("SELECT slowed_times, resting_until > clock_timestamp() AS rests FROM carrier_accounts")
    assert (account.slowed_times, account.rests) == (0, True)
    world.stage.answer = lambda call_request: None


def test_what_the_carrier_asks_for_is_kept_to_by_calls_already_reserved(world: World) -> None:
    world.sql("UPDATE carrier_accounts SET calls_per_second = 1000")
    world.stage.answer = refuse
    campaign = world.campaign(world.contacts(6), maxConcurrentCalls=6)
    (step,) = world.reserve(campaign)
    assert isinstance(step, Dial)
    world.do(Dial(step.account_id, step.call_ids[:2]))
    (account,) = world.sql(
        "SELECT slowed_times, resting_reason, extract(epoch FROM resting_until - clock_timestamp())::float AS rests"
        " FROM carrier_accounts"
    )
    assert (account.slowed_times, account.resting_reason) == (1, "the carrier asked for a pause (20429)")
    assert 4 < account.rests <= 5
    world.stage.answer = lambda call_request: None
    world.do(Dial(step.account_id, step.call_ids[2:]))
    assert len(world.stage.requests) == 2, "nobody is asked while it rests"
    assert all(entry.attempts == 0 for entry in world.sql("SELECT attempts FROM campaign_contacts"))
    world.pass_machine_time(6)
    world.until(campaign, "completed")
