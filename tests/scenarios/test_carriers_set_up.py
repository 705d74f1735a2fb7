"""What must be there to call through a carrier, what is counted, and what nobody gets to read."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from tests.carriers.peer import SILENCE, Peer, Reply
from tests.carriers.rigs import (
    twilio_call,
    twilio_refusal,
    twilio_reports,
)
from tests.scenarios.through import campaign_through, receive
from tests.world import World
from worker import logs
from worker.carriers.base import BadSignature
from worker.domain.errors import Conflict, Invalid, NotFound
from worker.domain.resources import ACCOUNT
from worker.flow import receipt
from worker.flow.base import Fill
from worker.operations.campaign_edit import edit_campaign
from worker.operations.resources import create_resource
from worker.process import celery_app, dispatch, wiring
from worker.process.settings import settings
from worker.slots import connect


def without(world: World, carrier: str) -> None:
    rest = {name: made for name, made in world.dialer.carriers.items() if name != carrier}
    world.dialer = replace(world.dialer, carriers=rest)


SETS_UP = {
    "simulator": "SIMULATOR_SECRET",
    "twilio": "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
    "telnyx": "TELNYX_API_KEY, TELNYX_PUBLIC_KEY and TELNYX_CONNECTION_ID",
}


@pytest.mark.parametrize("carrier", SETS_UP)
def test_a_carrier_without_credentials_pauses_the_campaign_and_says_what_to_set(there: World, carrier: str) -> None:
    numbers = {} if carrier == "simulator" else {"fromNumberIds": [f"pn_{carrier}"]}
    campaign = there.campaign(there.contacts(2), **numbers)
    without(there, carrier)
    there.run(campaign)
    row = there.campaign_row(campaign)
    assert row.status == "paused"
    assert row.pause_reason == (
        f"carrier_not_set_up: This deployment cannot call through {carrier}; set {SETS_UP[carrier]}, then resume."
    )
    assert there.by_status(campaign) == {"queued": 2}
    assert {call.disposition for call in there.calls(campaign)} == {"not_sent"}
    assert {entry.attempts for entry in there.sql("SELECT attempts FROM campaign_contacts")} == {0}


@pytest.mark.parametrize("others", [True, False])
@pytest.mark.parametrize("carrier", SETS_UP)
def test_an_account_of_a_carrier_without_credentials_is_refused_and_says_what_to_set(
    there: World, carrier: str, others: bool
) -> None:
    without(there, carrier)
    if not others:
        there.dialer = replace(there.dialer, carriers={})
    with pytest.raises(Invalid) as refused:
        create_resource(there.dialer, ACCOUNT, there.team, {"name": "One", "carrier": carrier}, actor="test")
    (fault,) = refused.value.faults
    sets = f"set {SETS_UP[carrier]} for every process and start them again"
    there_is = f"; until then there is {', '.join(sorted(SETS_UP.keys() - {carrier}))}" if others else ""
    assert (fault.path, fault.message) == (
        "carrier",
        f"This deployment cannot call through {carrier} yet: {sets}{there_is}.",
    )


@pytest.mark.parametrize("carrier", SETS_UP)
def test_news_of_a_carrier_without_credentials_has_no_address(there: World, carrier: str) -> None:
    without(there, carrier)
    with pytest.raises(NotFound):
        receipt.receive(there.dialer, carrier, "a" * 32, "https://dialer.example.com/", {}, b"{}")


def test_calls_of_a_carrier_that_has_gone_are_looked_at_and_ended_by_their_bound_alone(
    there: World, peer: Peer
) -> None:
    """Credentials were taken away while calls lived: nothing may fall over, and nothing be taken for a miss."""
    peer.replies(Reply(201, twilio_call("queued")))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    without(there, "twilio")
    there.pause(campaign)
    there.sql("UPDATE calls SET next_check_at = clock_timestamp()")
    there.tick()
    assert (there.call(campaign).state, there.call(campaign).misses) == ("placed", 0)
    there.sql("UPDATE calls SET next_check_at = clock_timestamp(), provable_end_at = clock_timestamp()")
    there.tick()
    assert there.call(campaign).disposition == "lost"
    with pytest.raises(NotFound):
        receive(there, "twilio", twilio_reports("ringing", "a" * 32))


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_an_assistant_the_carrier_cannot_connect_is_refused_when_the_campaign_is_made_edited_or_run(
    there: World, carrier: str
) -> None:
    made = campaign_through(there, carrier)
    there.sql("UPDATE assistants SET stream_url = NULL")
    sentence = f"A call through {carrier} cannot be connected to this assistant; give the assistant a "
    with pytest.raises(Invalid, match=sentence) as refused:
        campaign_through(there, carrier)
    assert [fault.path for fault in refused.value.faults] == ["assistantId"]
    simulated = there.campaign(there.contacts(1))
    with pytest.raises(Invalid, match=sentence):
        edit_campaign(there.dialer, there.team, simulated, {"fromNumberIds": [f"pn_{carrier}"]}, actor="test")
    edit_campaign(there.dialer, there.team, made, {"maxConcurrentCalls": 5}, actor="test")
    with pytest.raises(Conflict, match=sentence):
        there.run(made)
    assert there.status(made) == "draft"


def test_an_assistant_that_lost_its_connection_meanwhile_pauses_its_campaigns(there: World, peer: Peer) -> None:
    campaign = campaign_through(there, "twilio", 2, maxConcurrentCalls=1)
    peer.replies(Reply(201, twilio_call("queued")))
    there.run(campaign)
    there.sql("UPDATE assistants SET stream_url = NULL")
    receive(there, "twilio", twilio_reports("busy", there.call(campaign).token))
    there.tick()
    row = there.campaign_row(campaign)
    assert (row.status, row.pause_reason.partition(":")[0]) == ("paused", "assistant_unreachable")
    assert len(peer.asked) == 1


# ---------------------------------------------------------------------------------------------- signatures, numbers


def test_a_wrong_signature_is_counted_by_carrier(there: World) -> None:
    callback = twilio_reports("ringing", "a" * 32, secret="another")
    for _ in range(3):
        with pytest.raises(BadSignature):
            receive(there, "twilio", callback)
    there.dialer.tally.write(there.dialer.db)
    assert [tuple(row) for row in there.sql("SELECT carrier, refused FROM callback_refusals")] == [("twilio", 3)]
    assert there.sql("SELECT FROM call_events") == []


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage() + str(record.exc_info))


def test_no_number_is_in_a_log_or_in_a_message_to_the_workers(
    there: World, peer: Peer, redis_url: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = Lines()
    logging.getLogger().addHandler(logged)
    monkeypatch.setattr(wiring, "dialer", lambda: there.dialer)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    celery_app.configure(celery_app.app, settings())
    sends = there.do

    def send_and_do(step: Any) -> Any:
        if not isinstance(step, Fill):  # carried out where it arises, never sent
            dispatch.send([step])
        return sends(step)

    there.do = send_and_do
    replies = [Reply(201, twilio_call("queued")), twilio_refusal(400, 21211), Reply(500), SILENCE]
    for reply in replies:
        peer.replies(reply, Reply(500))
        there.run(campaign_through(there, "twilio", settings={"machineDetection": {}}))
    first = there.all_calls()[0]
    for event in ("ringing", "machine", "completed"):
        receive(there, "twilio", twilio_reports(event, first.token))
    there.pass_machine_time(30)
    peer.replies(*[Reply(500)] * 20)
    there.tick()
    logging.getLogger().removeHandler(logged)
    settings.cache_clear()
    messages = dump(connect(redis_url))
    out, err = capfd.readouterr()
    said = [*logged.lines, out, err, *messages]
    assert any("dial" in message for message in messages)
    for call in there.all_calls():
        for number in (call.to_number, call.from_number):
            assert not [text for text in said if number[1:] in text]
    there.sql("UPDATE calls SET next_check_at = clock_timestamp(), provable_end_at = clock_timestamp()")
    there.tick()


def dump(redis: Redis) -> list[str]:
    """Everything that is in Redis, as text."""
    found: list[str] = []
    for key in redis.keys("*"):
        kind = redis.type(key)
        read = {"list": lambda k: redis.lrange(k, 0, -1), "zset": lambda k: redis.zrange(k, 0, -1),
                "hash": redis.hgetall, "set": redis.smembers, "string": redis.get}  # fmt: skip
        name = kind.decode() if isinstance(kind, bytes) else str(kind)
        found.append(f"{key!r} {read[name](key)!r}")
    return found


def test_the_mask_of_the_logs_knows_the_numbers_of_a_search() -> None:
    assert "2025550123" not in logs.mask("GET /Calls.json?To=%2B12025550123&From=%2B12025550000")
