"""Every code of the carriers' tables, said by the simulator in the carrier's own words: what becomes of the contact,
the caller ID, the account, its campaigns and the breaker. Each code has an account of its own, all of them one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.carriers.rigs import ACCOUNT, CONNECTION, TELNYX_PUBLIC_KEY
from tests.carriers.running import SECRET, RunningSimulator
from tests.world import World
from worker.carriers.base import Action
from worker.carriers.codes import Code
from worker.carriers.telnyx import codes as telnyx
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio import codes as twilio
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.store.crm import setup

CODES: dict[str, Mapping[str, Code]] = {"twilio": twilio.CODES, "telnyx": telnyx.CODES}
STATUSES = {"20429": 429, "20003": 401, "10011": 429, "10009": 401, "20100": 402, "10015": 400, "21219": 400}
UNKNOWN = {"twilio": "99999", "telnyx": "D99"}
ITSELF = "+12125557777"


def rejects(carrier: str, code: str) -> str:
    return f"{STATUSES.get(code, 400 if carrier == 'twilio' else 403)}:{code}"


NUMBERS = {
    (carrier, code): f"+1{212 + at}555{n:04d}"
    for at, carrier in enumerate(CODES)
    for n, code in enumerate([*CODES[carrier], UNKNOWN[carrier]])
}
SCRIPT: dict[str, Any] = {
    **{number: {"reject": rejects(*which)} for which, number in NUMBERS.items()},
    ITSELF: {"reject": "403:D53"},
}


@dataclass(frozen=True)
class Became:
    """What one refusal led to; ``number`` is the caller ID that was shown."""

    contact: tuple[str, str | None, int]
    number: str = "shown"
    account: str = "goes on"
    pause: str | None = None
    results: str = ""


WAITS = ("queued", None, 0)
BECAME = {
    Action.BACK_OFF: Became(WAITS, account="rests"),
    Action.CHANNELS: Became(WAITS, account="rests for a channel"),
    Action.STOP_ACCOUNT: Became(WAITS, pause="account_stopped"),
    Action.RETIRE_NUMBER: Became(WAITS, number="retired"),
    Action.REST_NUMBER: Became(WAITS, number="rests"),
    Action.INVALID_NUMBER: Became(("failed", "invalid_number", 1)),
    Action.UNREACHABLE: Became(("queued", None, 1)),
    Action.BLOCKED: Became(("failed", "blocked", 0)),
    Action.LATER: Became(WAITS),
    Action.MALFORMED: Became(WAITS, pause="request_malformed"),
    Action.FAILED: Became(WAITS, results="x"),
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    running = RunningSimulator(folder, SCRIPT, "--calls-to", "+1", "--channels", "0")
    yield running
    running.stop()


@pytest.fixture
def there(world: World, simulator: RunningSimulator) -> Iterator[World]:
    made: dict[str, Any] = {
        "twilio": TwilioCarrier(simulator.url, ACCOUNT, [SECRET]),
        "telnyx": TelnyxCarrier(simulator.url, SECRET, TELNYX_PUBLIC_KEY, CONNECTION),
    }
    world.dialer = replace(world.dialer, carriers={**world.dialer.carriers, **made})
    world.sql("UPDATE assistants SET stream_url = 'wss://voice.example.com/stream'")
    yield world
    for carrier in made.values():
        carrier.close()


def accounts(world: World, carrier: str, count: int, *, first: str = "") -> list[list[str]]:
    """So many accounts with the carrier, each with two caller IDs; the ids of these. ``first`` is the very first."""
    named = [(f"acct_{carrier}_{n}", [f"pn_{carrier}_{n}_{which}" for which in "ab"]) for n in range(count)]
    free = (f"+1646555{n:04d}" for n in range(10_000))

    def work(conn: Connection) -> None:
        for account_id, number_ids in named:
            setup.account(conn, account_id, world.team, carrier, carrier)
            for number_id in number_ids:
                is_first = bool(first) and number_id == named[0][1][0]
                setup.number(conn, number_id, world.team, account_id, first if is_first else next(free))

    world.write(work)
    return [number_ids for _, number_ids in named]


def refused(world: World, to_number: str, number_ids: list[str]) -> tuple[Became, Any]:
    """Call this number, shown one of these; what became of it, and the call. What an account was answered before holds
    for all of its credentials, and is forgotten."""
    world.sql("""UPDATE carrier_accounts SET rested_at = NULL, resting_until = NULL, channels = NULL,
                     channel_refusals = 0, slowed_times = 0, recent_results = ''""")
    contact = world.contact(to_number)
    campaign = world.campaign([contact], fromNumberIds=number_ids)
    world.run(campaign)
    call, entry = world.call(campaign), world.entry(campaign, contact)
    (row,) = world.sql("SELECT * FROM carrier_accounts WHERE id = :id", id=call.account_id)
    (number,) = world.sql("SELECT * FROM phone_numbers WHERE id = :id", id=call.number_id)
    assert row.enabled
    rests = "rests for a channel" if row.channel_refusals else "rests"
    became = Became(
        (entry.status, entry.reason, entry.attempts),
        "retired" if not number.enabled else "rests" if number.resting_until else "shown",
        rests if row.resting_until else "goes on",
        why_paused(world, campaign),
        row.recent_results,
    )
    return became, call


def why_paused(world: World, campaign: str) -> str | None:
    row = world.campaign_row(campaign)
    return row.pause_reason.split(":")[0] if row.status == "paused" else None


@pytest.mark.parametrize("carrier", CODES)
def test_every_code_has_its_consequence_and_no_other(there: World, carrier: str) -> None:
    expected = {code: line.action for code, line in CODES[carrier].items()} | {UNKNOWN[carrier]: Action.FAILED}
    different = {}
    for (code, action), number_ids in zip(expected.items(), accounts(there, carrier, len(expected)), strict=True):
        became, call = refused(there, NUMBERS[carrier, code], number_ids)
        if became != BECAME[action] or code not in call.cause:
            different[code] = (action, call.cause, became)
    assert different == {}


@pytest.mark.parametrize("carrier", CODES)
def test_only_what_is_about_the_account_stops_its_other_campaigns(there: World, carrier: str) -> None:
    """One code of each kind; beside it a campaign of the same account that waits for the night."""
    lines = list({line.action: line for line in CODES[carrier].values()}.values())
    stopped = set()
    for line, number_ids in zip(lines, accounts(there, carrier, len(lines)), strict=True):
        asleep = {"callWindowStart": "02:00", "callWindowEnd": "03:00", "callWindowTimezone": "America/New_York"}
        beside = there.campaign(there.contacts(1), fromNumberIds=number_ids, **asleep)
        there.run(beside)
        refused(there, NUMBERS[carrier, line.code], number_ids)
        stopped |= {line.action} if why_paused(there, beside) else set()
    assert stopped == {Action.STOP_ACCOUNT}


def test_a_callee_who_is_the_caller_id_costs_no_caller_id(there: World) -> None:
    (number_ids,) = accounts(there, "telnyx", 1, first=ITSELF)
    became, call = refused(there, ITSELF, number_ids)
    assert (became, call.cause) == (BECAME[Action.BLOCKED], "10010 D53")


@pytest.mark.parametrize(("carrier", "code"), [("twilio", "21215"), ("telnyx", "10010 D13")])
def test_a_number_abroad_fails_alone(there: World, carrier: str, code: str) -> None:
    became, call = refused(there, "+493023125012", accounts(there, carrier, 1)[0])
    assert (became, call.cause) == (BECAME[Action.BLOCKED], code)


@pytest.mark.parametrize(("carrier", "code"), [("twilio", "10004"), ("telnyx", "90010 D1")])
def test_an_account_without_a_channel_rests(there: World, carrier: str, code: str) -> None:
    became, call = refused(there, "+12125558888", accounts(there, carrier, 1)[0])
    assert (became, call.cause) == (BECAME[Action.CHANNELS], code)


@pytest.mark.parametrize(("carrier", "code"), [("twilio", "21219"), ("twilio", "573005"), ("telnyx", "D60")])
def test_a_trial_accounts_rule_is_reported_as_one(there: World, carrier: str, code: str) -> None:
    _, call = refused(there, NUMBERS[carrier, code], accounts(there, carrier, 1)[0])
    assert call.cause == f"{'10010 ' if carrier == 'telnyx' else ''}{code}: {CODES[carrier][code].says}"
    assert "verified" in call.cause
