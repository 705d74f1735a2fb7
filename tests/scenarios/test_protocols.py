"""Campaigns through the real adapters, against the simulator's protocols: what waits at the carrier is ended when
nobody wants it any more, a doubt places no second call, and the account's rate is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.carriers.receiver import Received, Receiver
from tests.carriers.rigs import ACCOUNT, CONNECTION
from tests.carriers.running import SECRET, RunningSimulator
from tests.world import MONDAY_NOON, World
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.flow import receipt
from worker.simulator.ledger import RecordedCall
from worker.store.crm import setup

STREAM = "wss://assistant.example/stream"
WAITS, WAITS_LONG, RINGS, TALKS, HANGS, BUSY = (f"+1202555070{n}" for n in range(6))
SCRIPT: dict[str, Any] = {
    WAITS: {"queue": 4.9, "ring": 600},
    WAITS_LONG: {"queue": 600},
    RINGS: {"ring": 600},
    TALKS: {"ring": 0, "talk": 6000},
    HANGS: {"ring": 600, "place": "then_timeout"},
    "*": {"ring": 0.1, "end": "busy"},
}


@dataclass
class Deployed:
    """A world whose campaigns call through one carrier's adapter."""

    world: World
    carrier: str
    simulator: RunningSimulator
    receiver: Receiver

    def campaign(self, *numbers: str, **more: Any) -> str:
        contacts = [self.world.contact(number) for number in numbers]
        return self.world.campaign(contacts, fromNumberIds=[f"pn_{self.carrier}"], maxConcurrentCalls=20, **more)

    def receive(self, token: str) -> None:
        """The callbacks about this call that have come in, once more than once: each counts once."""
        for seen in self.receiver.about(token):
            if "/events/" in seen.url:
                steps = receipt.receive(self.world.dialer, self.carrier, seen.token, seen.url, seen.headers, seen.body)
                self.world.carry_out(steps)

    def receive_until_ended(self, campaign: str) -> RecordedCall:
        """Wait until the campaign's only call is over at the carrier, and take in what is posted of it."""
        token = self.world.call(campaign).token
        self.receiver.wait_until(token, lambda received: any(is_end(one) for one in received))
        self.receive(token)
        return self.simulator.recorded(token)


def is_end(received: Received) -> bool:
    return b"SipResponseCode" in received.body or b"call.hangup" in received.body


@pytest.fixture(params=["twilio", "telnyx"])
def deployed(world: World, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployed]:
    key_path = tmp_path / "telnyx.key"
    simulator = RunningSimulator(tmp_path, SCRIPT, "--public-key-file", str(key_path))
    receiver, bounds = Receiver().start(), {"read_seconds": 0.3}
    carrier = request.param
    made: Any = (
        TwilioCarrier(simulator.url, ACCOUNT, [SECRET], **bounds)
        if carrier == "twilio"
        else TelnyxCarrier(simulator.url, SECRET, key_path.read_text(), CONNECTION, **bounds)
    )
    receiver.status = lambda received: 200
    receiver.answer = lambda received: f"<Response><Connect><Stream url='{STREAM}'/></Connect></Response>".encode()
    world.dialer = replace(
        world.dialer, carriers={**world.dialer.carriers, carrier: made}, public_base_url=receiver.url
    )
    world.write(lambda conn: setup.account(conn, f"acct_{carrier}", world.team, carrier, carrier))
    world.write(
        lambda conn: setup.number(conn, f"pn_{carrier}", world.team, f"acct_{carrier}", "+12025550900", limit=100)
    )
    world.sql("UPDATE assistants SET stream_url = :url", url=STREAM)
    yield Deployed(world, carrier, simulator, receiver)
    made.close()
    receiver.close()
    simulator.stop()


def test_what_waits_at_the_carrier_is_ended_at_a_pause(deployed: Deployed) -> None:
    campaign = deployed.campaign(WAITS)
    deployed.world.run(campaign)
    assert deployed.world.call(campaign).state == "placed"
    deployed.world.pause(campaign)
    written = deployed.receive_until_ended(campaign)
    assert (written.disposition, written.ringing_at) == ("canceled", None)
    call = deployed.world.call(campaign)
    assert call.disposition == "canceled"
    entry = deployed.world.entry(campaign, call.contact_id)
    assert (entry.status, entry.attempts) == ("queued", 0), "nobody's phone rang"


def test_what_waits_at_the_carrier_is_ended_when_the_campaign_is_cancelled(deployed: Deployed) -> None:
    campaign = deployed.campaign(WAITS)
    deployed.world.run(campaign)
    deployed.world.cancel(campaign)
    assert deployed.receive_until_ended(campaign).disposition == "canceled"
    assert deployed.world.call(campaign).disposition == "canceled"


def test_what_waits_at_the_carrier_is_ended_when_the_window_shuts(deployed: Deployed) -> None:
    window = {"callWindowStart": "09:00", "callWindowEnd": "12:05", "callWindowTimezone": "America/New_York"}
    campaign = deployed.campaign(WAITS, **window)
    deployed.world.run(campaign)
    deployed.world.set_clock(MONDAY_NOON + timedelta(minutes=4, seconds=59))
    deployed.world.tick()
    assert deployed.world.call(campaign).end_requested_at is None
    deployed.world.set_clock(MONDAY_NOON + timedelta(minutes=5))
    deployed.world.tick()
    assert deployed.receive_until_ended(campaign).disposition == "canceled"


def test_a_call_that_rings_or_talks_goes_on_after_a_pause_and_not_after_a_cancel_that_hangs_up(
    deployed: Deployed,
) -> None:
    campaign = deployed.campaign(TALKS)
    deployed.world.run(campaign)
    token = deployed.world.call(campaign).token
    answered = (b"CallStatus=in-progress", b"call.answered")
    deployed.receiver.wait_until(
        token, lambda seen: any("/events/" in one.url and any(word in one.body for word in answered) for one in seen)
    )
    deployed.receive(token)
    assert deployed.world.call(campaign).state == "in_progress"
    deployed.world.pause(campaign)
    assert deployed.simulator.recorded(token).end_requested_at is None
    deployed.world.cancel(campaign, hang_up=True)
    written = deployed.receive_until_ended(campaign)
    assert (written.disposition, written.connected_to is not None) == ("completed", True)


@pytest.mark.parametrize("deployed", ["twilio"], indirect=True)
def test_a_call_that_the_carrier_means_to_keep_for_long_is_ended_at_once(deployed: Deployed) -> None:
    campaign = deployed.campaign(WAITS_LONG)
    deployed.world.run(campaign)
    assert deployed.receive_until_ended(campaign).disposition == "canceled"
    call = deployed.world.calls(campaign)[0]
    assert (call.disposition, call.rang) == ("canceled", False)
    deployed.world.cancel(campaign)


def test_a_read_timeout_after_the_request_left_places_no_second_call_before_the_doubt_is_settled(
    deployed: Deployed,
) -> None:
    bounds = replace(deployed.world.dialer.bounds, ring_seconds=600)  # it still rings, however slow this machine is
    deployed.world.dialer = replace(deployed.world.dialer, bounds=bounds)
    campaign = deployed.campaign(HANGS, retryDelayMinutes=0)
    deployed.world.run(campaign)
    call = deployed.world.call(campaign)
    assert (call.state, call.cause.startswith("ReadTimeout")) == ("unknown", True)
    for minutes in (1, 5, 20):
        deployed.world.set_clock(MONDAY_NOON + timedelta(minutes=minutes))
        deployed.world.tick()
        deployed.world.run(campaign)
    assert deployed.simulator.ledger().calls_per_callee()[HANGS] == 1
    assert deployed.world.call(campaign).disposition is None
    deployed.world.cancel(campaign, hang_up=True)
    deployed.receive(call.token)
    deployed.world.tick()
    assert deployed.receive_until_ended(campaign).disposition == "canceled"
    assert deployed.world.call(campaign).disposition == "canceled"


def test_calls_leave_as_fast_as_the_account_may_place_them_and_no_faster(deployed: Deployed) -> None:
    deployed.world.sql("UPDATE carrier_accounts SET calls_per_second = 8")
    campaign = deployed.campaign(*(f"+1202555080{n}" for n in range(8)))
    deployed.world.run(campaign)
    deployed.world.cancel(campaign)
    placed = sorted(call.placed_at for call in deployed.simulator.ledger().placed)
    assert len(placed) == 8
    assert placed[-1] - placed[0] >= 6 / 8, "seven pauses of an eighth of a second, less what the network jitters"
