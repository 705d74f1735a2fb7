"""Accounts of one set of carrier credentials are one account at the carrier, whoever's they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import event

from tests.patience import PATIENCE_SECONDS
from tests.store.dialing import running
from tests.world import World
from worker.carriers.base import Action, CallRequest, NotSent, Outcome, Rejected
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.domain import ids
from worker.domain.situation import Full
from worker.flow import dial, fill
from worker.flow.base import slot_of
from worker.flow.ending import release
from worker.operations.progress import read_standing
from worker.store import invariants, moves
from worker.store.crm import setup
from worker.store.database import once

TEAMS = ("team_a", "team_b", "team_c")


@dataclass
class Shared:
    """A deployment whose carrier knows all its accounts by one set of credentials."""

    world: World
    campaigns: dict[str, str]

    def fill(self, account: str) -> int:
        """How many calls a fill of the account's campaign reserves."""
        campaign = self.campaigns[account]
        team = self.world.campaign_row(campaign).team_id
        return len(fill.fill(self.world.dialer, team, [campaign]).reserved)

    def set(self, account: str, **columns: Any) -> None:
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        self.world.sql(f"UPDATE carrier_accounts SET {assigned} WHERE id = :id", id=account, **columns)

    def row(self, account: str) -> Any:
        return self.world.sql(
            "SELECT *, resting_until IS NOT NULL AS rests FROM carrier_accounts WHERE id = :id", id=account
        )[0]

    def live(self) -> Counter[str]:
        return Counter(call.account_id for call in self.world.all_calls() if call.ended_at is None)

    def end(self, account: str) -> None:
        """Let a call of the account end, and nobody fill its slot yet."""
        held = [call.id for call in self.world.all_calls() if call.account_id == account and call.ended_at is None]
        ended: list[Any] = []
        self.world.write(lambda conn: ended.extend(moves.advance(conn, [release(held[0], "over")])))
        self.world.dialer.slots.release([slot_of(row) for row in ended])

    def dial_all(self) -> list[str]:
        """Dial what is reserved; the accounts of the calls that were requested."""
        before = len(self.world.stage.requests)
        reserved = [call.id for call in self.world.all_calls() if call.state == "reserved"]
        dial.dial(self.world.dialer, reserved)
        return [call_request.account_id for call_request in self.world.stage.requests[before:]]


def deploy(world: World, owners: Sequence[str], *, contacts: int = 30) -> Shared:
    """An account for each owner, with a number and a running campaign with many due contacts."""
    world.stage.name, world.stage.shares_credentials = "twilio", True
    world.dialer = replace(world.dialer, carriers={"twilio": world.stage})
    for team in set(owners) - {world.team}:
        world.another_team(team)
    world.sql("UPDATE teams SET max_concurrent_calls = 1000")
    world.sql("UPDATE assistants SET stream_url = 'wss://assistant.example'")
    campaigns = {}
    for n, team in enumerate(owners):
        account, number = f"acct_{n}", ids.new(ids.NUMBER)
        world.write(lambda conn, a=account, t=team: setup.account(conn, a, t, "twilio", a, limit=100))
        world.write(
            lambda conn, a=account, t=team, i=number, n=n: setup.number(conn, i, t, a, f"+1202555800{n}", limit=1000)
        )
        people = world.contacts(contacts, team=team)
        campaigns[account] = running(world, people, teamId=team, fromNumberIds=[number], maxConcurrentCalls=1000)
    world.sql("DELETE FROM carrier_accounts a WHERE NOT EXISTS (SELECT FROM phone_numbers WHERE account_id = a.id)")
    return Shared(world, campaigns)


@pytest.fixture(params=[("team_a", "team_a"), ("team_a", "team_b")], ids=["one team", "two teams"])
def shared(world: World, request: pytest.FixtureRequest) -> Shared:
    return deploy(world, request.param)


LIMITS: Mapping[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "the first is the largest": ({"max_concurrent_calls": 5}, {"max_concurrent_calls": 3}, 5),
    "the second is the largest": ({"max_concurrent_calls": 3}, {"max_concurrent_calls": 5}, 5),
    "they are equal": ({"max_concurrent_calls": 4}, {"max_concurrent_calls": 4}, 4),
    "a disabled one has no say": ({"max_concurrent_calls": 3}, {"max_concurrent_calls": 9, "enabled": False}, 3),
    "channels, and one that tries for more": (
        {"channels": 4, "channel_refusals": 1},
        {"channels": 4, "channel_refusals": 1},
        5,
    ),
    "a rate": ({"calls_per_second": 2.0}, {"calls_per_second": 1.0}, 4),
    "a rate of one only is none": ({"calls_per_second": 2.0}, {"calls_per_second": None}, 4 + 30),
}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("name", LIMITS)
def test_together_they_have_no_more_than_the_largest_of_them(shared: Shared, name: str, order: Sequence[int]) -> None:
    first, second, together = LIMITS[name]
    changes = first, second
    for n, change in enumerate(changes):
        shared.set(f"acct_{n}", **change)
    for n in (*order, *order):
        shared.fill(f"acct_{n}")
    assert shared.live().total() == together
    for n, change in enumerate(changes):
        assert shared.live()[f"acct_{n}"] <= change.get("max_concurrent_calls", together)


def test_accounts_of_a_carrier_that_does_not_share_them_have_each_their_own(shared: Shared) -> None:
    shared.world.stage.shares_credentials = False
    for account in shared.campaigns:
        shared.set(account, max_concurrent_calls=3)
        shared.fill(account)
    assert shared.live() == {"acct_0": 3, "acct_1": 3}
    assert [len(call.claim_limits) for call in shared.world.all_calls()] == [4] * 6


def test_many_fills_of_three_teams_at_once_stay_within_it_and_use_it_up(world: World) -> None:
    shared = deploy(world, TEAMS)
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 7")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(shared.fill, [*shared.campaigns] * 2, timeout=PATIENCE_SECONDS))
    assert shared.live().total() == 7
    assert {tuple(call.claim_limits[4:]) for call in world.all_calls()} == {(7,)}


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    said: list[str] = []

    def note(*args: Any) -> None:
        said.append(args[2])

    event.listen(world.engine, "before_cursor_execute", note)
    yield said
    event.remove(world.engine, "before_cursor_execute", note)


def test_where_only_one_account_has_them_nothing_more_is_asked(world: World) -> None:
    shared = deploy(world, ["team_a"])
    shared.set("acct_0", max_concurrent_calls=2)
    counts = []
    for shares in (True, False):
        world.stage.shares_credentials = shares
        with statements(world) as said:
            assert shared.fill("acct_0") == 2
        counts.append(len(said))
        shared.set("acct_0", max_concurrent_calls=4)
    assert counts[0] == counts[1]
    assert world.all_calls()[0].claim_limits == [1000, 1000, 1000, 2]


@pytest.mark.parametrize(
    ("rates", "sent"), [((0.01, 0.01), 1), ((0.01, 0.02), 1), ((0.01, None), 2), ((None, None), 2)]
)
def test_together_they_send_no_faster_than_the_fastest_of_them(
    shared: Shared, rates: Sequence[float | None], sent: int
) -> None:
    shared.world.sql("UPDATE campaigns SET max_concurrent_calls = 1")
    for account, rate in zip(shared.campaigns, rates, strict=True):
        shared.fill(account)
        shared.set(account, calls_per_second=rate)
    assert len(shared.dial_all()) == sent


@pytest.mark.parametrize(
    ("outcome", "shares", "rests", "slowed"),
    [
        (Rejected("20429", Action.BACK_OFF), True, [True, True], [1, 1]),
        (Rejected("20429", Action.BACK_OFF), False, [True, False], [1, 0]),
        (Rejected("90010", Action.CHANNELS), True, [True, True], [0, 0]),
        (Rejected("90010", Action.CHANNELS), False, [True, False], [0, 0]),
        (NotSent("connection refused"), True, [True, False], [0, 0]),
    ],
)
def test_what_is_refused_to_one_is_refused_to_all(
    shared: Shared, outcome: Outcome, shares: bool, rests: list[bool], slowed: list[int]
) -> None:
    world = shared.world
    world.stage.shares_credentials = shares
    world.sql("UPDATE campaigns SET max_concurrent_calls = 2")
    shared.fill("acct_1")
    shared.dial_all()
    world.sql("UPDATE carrier_accounts SET calls_per_second = 100")
    shared.fill("acct_0")

    def answer(call_request: CallRequest) -> Outcome:
        return outcome

    world.stage.answer = answer
    assert set(shared.dial_all()) == {"acct_0"}
    accounts = [shared.row("acct_0"), shared.row("acct_1")]
    assert [account.rests for account in accounts] == rests
    assert [account.slowed_times for account in accounts] == slowed
    if isinstance(outcome, Rejected) and outcome.action is Action.CHANNELS:
        assert [account.channels for account in accounts] == ([2, 2] if shares else [0, None])


def test_a_campaign_that_waits_for_the_others_reads_as_one_whose_account_is_full(shared: Shared) -> None:
    for account in shared.campaigns:
        shared.set(account, max_concurrent_calls=3)
    shared.fill("acct_0")
    world, campaign = shared.world, shared.campaigns["acct_1"]
    team = world.campaign_row(campaign).team_id
    standing = once(world.dialer.db, lambda conn: read_standing(conn, world.dialer, team, campaign))
    assert [caller.full for caller in standing.situation.callers] == [Full.ACCOUNT]


# -- turns between teams


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("had_turns", [True, False], ids=["by turns", "none had one"])
def test_teams_take_turns_at_slots_they_share(world: World, limit: int, had_turns: bool) -> None:
    """Also where each has campaign after campaign that never was filled."""
    shared = deploy(world, TEAMS)
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = :limit", limit=limit)
    assert [shared.fill(account) for account in shared.campaigns] == [limit, 0, 0]
    for _ in range(36):
        holder = next(
            call.account_id for call in world.all_calls() if call.ended_at is None
        )  # the call that lasts longest
        if not had_turns:
            world.sql("UPDATE campaigns SET filled_at = 'epoch'")
        shared.end(holder)
        shared.fill(holder)
        assert shared.live().total() == limit
    had = Counter(call.account_id for call in world.all_calls())
    assert min(had[account] for account in shared.campaigns) >= 3, had


def test_a_team_that_cannot_use_its_turn_leaves_the_slot_to_others(world: World) -> None:
    shared = deploy(world, TEAMS[:2])
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 1")
    assert [shared.fill(account) for account in shared.campaigns] == [1, 0]
    world.sql("UPDATE phone_numbers SET enabled = false WHERE account_id = 'acct_1'")
    shared.end("acct_0")
    assert shared.fill("acct_0") == 1


# -- what says so


def test_the_invariant_counts_all_accounts_of_the_credentials(shared: Shared) -> None:
    for account in shared.campaigns:
        shared.set(account, max_concurrent_calls=3)
        shared.fill(account)
    assert broken(shared) == {}
    shared.world.sql("UPDATE calls SET claim_limits[5] = 2")
    assert broken(shared) == {"limit_held": ["credentials twilio"]}
    shared.world.sql("UPDATE calls SET claim_limits[5] = 3")


def broken(shared: Shared) -> dict[str, list[str]]:
    with shared.world.engine.connect() as conn:
        found = invariants.violations(conn, shared.world.dialer.bounds)
    return {name: [row["offender"] for row in rows] for name, rows in found.items() if rows}


def test_a_full_set_of_credentials_is_a_reason_not_to_call(shared: Shared) -> None:
    world = shared.world
    for account in shared.campaigns:
        shared.set(account, max_concurrent_calls=3)
        shared.fill(account)
    world.sql("UPDATE campaigns SET next_wake_at = dialer_now() - interval '1 hour'")
    world.sql("UPDATE campaign_contacts SET due_at = dialer_now() - interval '1 hour' WHERE status = 'pending'")
    zones = [(campaign, "") for campaign in shared.campaigns.values()]
    with world.engine.connect() as conn:
        assert not invariants.violations(conn, world.dialer.bounds, open_zones=zones)["due_contacts_are_called"]
    world.sql("UPDATE carrier_accounts SET max_concurrent_calls = 4")
    with world.engine.connect() as conn:
        assert invariants.violations(conn, world.dialer.bounds, open_zones=zones)["due_contacts_are_called"]


def test_twilio_and_telnyx_know_all_accounts_by_the_deployments_credentials_and_the_simulator_does_not() -> None:
    assert (TwilioCarrier.shares_credentials, TelnyxCarrier.shares_credentials) == (True, True)
    assert not SimulatorCarrier.shares_credentials
