"""Two people talk, two calls are allowed, and whoever holds another carrier's key says that they are done.

The calls are Twilio's, through its adapter, at the simulator, whose own ledger says who was rung. The forger
knows all there is to know: the tokens, which stand in addresses, Twilio's ids of the calls, and the names that Twilio
will give to the true news. What is missing is Twilio's key.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from nacl.signing import SigningKey

from tests.carriers.receiver import Receiver
from tests.carriers.rigs import ACCOUNT, CONNECTION
from tests.carriers.running import SECRET, RunningSimulator
from tests.world import World
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER
from worker.carriers.simulated.protocol import sign as simulator_sign
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.carriers.twilio.signature import sign as twilio_sign
from worker.cli.findings_carriers import ignored_news
from worker.flow import receipt
from worker.store.crm import setup

LIMIT, PEOPLE = 2, 6
SUBACCOUNT = "AC" + "1" * 32


@dataclass(frozen=True, slots=True)
class Forged:
    """A callback that some carrier's key has signed."""

    carrier: str
    headers: Mapping[str, str]
    body: bytes


def by_the_simulators_key(call: Any) -> Forged:
    shown = {"id": call.carrier_call_id, "token": call.token, "status": "busy", "answered_by": None, "sip_code": 607}
    names = {"event_id": f"{call.carrier_call_id}-completed", "event": "ended"}  # as Twilio's own will be called
    body = json.dumps({**names, "occurred_at": "2027-01-15T08:00:00+00:00", "call": shown}).encode()
    at = str(int(time.time()))
    signed = {TIMESTAMP_HEADER: at, SIGNATURE_HEADER: simulator_sign(SECRET, at, body)}
    return Forged("simulator", signed, body)


def by_telnyxs_key(call: Any) -> Forged:
    payload = {
        "call_control_id": call.carrier_call_id,
        "client_state": b64encode(call.token.encode()).decode(),
        "connection_id": CONNECTION,
        "hangup_cause": "user_busy",
        "sip_hangup_cause": "607",
    }
    names = {"id": f"{call.carrier_call_id}-completed", "event_type": "call.hangup"}
    body = json.dumps({"data": {**names, "occurred_at": "2027-01-15T08:00:00Z", "payload": payload}}).encode()
    at = str(int(time.time()))
    key = SigningKey(sha256(b"telnyx " + SECRET.encode()).digest())
    signature = b64encode(key.sign(at.encode() + b"|" + body).signature).decode()
    return Forged("telnyx", {"telnyx-timestamp": at, "telnyx-signature-ed25519": signature}, body)


def by_twilios_key_of_a_subaccount(call: Any) -> Forged:
    fields = {"CallSid": call.carrier_call_id, "AccountSid": SUBACCOUNT, "CallStatus": "busy", "SipResponseCode": "607"}
    url = address("twilio", call)
    return Forged(
        "twilio", {"X-Twilio-Signature": twilio_sign(SECRET, url, fields.items())}, urlencode(fields).encode()
    )


def address(carrier: str, call: Any) -> str:
    return f"https://dialer.example.com/carriers/{carrier}/events/{call.token}"


@dataclass
class Talking:
    """A campaign whose calls talk, as many as may."""

    world: World
    simulator: RunningSimulator
    receiver: Receiver
    campaign: str = ""

    def begin(self) -> list[Any]:
        """Let the campaign run until as many talk as may; those calls."""
        self.world.run(self.campaign)
        for call in self.live():
            self.receive(call, b"CallStatus=in-progress")
        assert [call.state for call in self.live()] == ["in_progress"] * LIMIT
        return self.live()

    def live(self) -> list[Any]:
        return [call for call in self.world.calls(self.campaign) if call.ended_at is None]

    def receive(self, call: Any, *words: bytes) -> None:
        """Wait until Twilio has posted one of these words of the call, and take in what it posted."""
        about = self.receiver.wait_until(
            call.token,
            lambda seen: any("/events/" in one.url and any(word in one.body for word in words) for one in seen),
        )
        for one in about:
            if "/events/" in one.url:
                self.take("twilio", one.token, one.url, one.headers, one.body)

    def take(self, carrier: str, token: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.world.carry_out(receipt.receive(self.world.dialer, carrier, token, url, headers, body))

    def forge(self, how: Any) -> None:
        """An end of every live call."""
        for call in self.live():
            forged = how(call)
            self.take(forged.carrier, call.token, address(forged.carrier, call), forged.headers, forged.body)


@pytest.fixture
def talking(world: World, tmp_path: Path) -> Iterator[Talking]:
    key_path = tmp_path / "telnyx.key"
    simulator = RunningSimulator(tmp_path, {"*": {"ring": 0, "talk": 6000}}, "--public-key-file", str(key_path))
    receiver = Receiver().start()
    receiver.status = lambda received: 200
    receiver.answer = lambda received: (
        b"<Response><Connect><Stream url='wss://assistant.example/s'/></Connect></Response>"
    )
    made: dict[str, Any] = {
        "simulator": simulator.carrier(),
        "twilio": TwilioCarrier(simulator.url, ACCOUNT, [SECRET]),
        "telnyx": TelnyxCarrier(simulator.url, SECRET, key_path.read_text(), CONNECTION),
    }
    world.dialer = replace(world.dialer, carriers=made, public_base_url=receiver.url)
    world.write(lambda conn: setup.account(conn, "acct_twilio", world.team, "twilio", "Twilio"))
    world.write(lambda conn: setup.number(conn, "pn_twilio", world.team, "acct_twilio", "+12025550900"))
    world.sql("UPDATE assistants SET stream_url = 'wss://assistant.example/s'")
    there = Talking(world, simulator, receiver)
    there.campaign = world.campaign(world.contacts(PEOPLE), fromNumberIds=["pn_twilio"], maxConcurrentCalls=LIMIT)
    yield there
    for carrier in made.values():
        carrier.close()
    receiver.close()
    simulator.stop()


@pytest.mark.parametrize("how", [by_the_simulators_key, by_telnyxs_key, by_twilios_key_of_a_subaccount])
def test_news_by_another_key_ends_no_call_and_lets_nobody_else_be_rung(talking: Talking, how: Any) -> None:
    world, before = talking.world, talking.begin()
    for _ in range(2):  # if the first made room, the second shows those who were rung in it
        talking.forge(how)
        world.tick()
    ledger = talking.simulator.ledger()
    figures = {"live": len(ledger.live()), "peak": ledger.peak_concurrent(), "rung": len(ledger.placed)}
    assert figures == {"live": LIMIT, "peak": LIMIT, "rung": LIMIT}
    assert talking.live() == before, "nothing of the calls has changed"
    outcomes = world.sql("SELECT outcome, count(*) FROM call_events WHERE disposition IS NOT NULL GROUP BY 1")
    assert [tuple(row) for row in outcomes] == [("foreign", LIMIT)]
    assert world.sql("SELECT FROM do_not_call") == [], "607 bans whom its own carrier says it of"
    assert world.sql("SELECT FROM carrier_accounts WHERE recent_results LIKE '%x%'") == []
    forged = how(before[0])
    (found,) = ignored_news(world.dialer)
    assert (found.name, found.ok) == (f"foreign news of {forged.carrier}", False)
    assert found.found.startswith(f"{LIMIT}, the first ")

    world.cancel(talking.campaign, hang_up=True)
    for call in before:
        talking.receive(call, b"CallStatus=completed")
    assert {call.disposition for call in world.calls(talking.campaign)} == {"answered"}, "true news of that name counts"
