"""Campaigns that call through Twilio and Telnyx: what is asked of them, what they tell, and what must be there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from tests.carriers.peer import SILENCE, Peer, Reply
from tests.carriers.rigs import (
    Callback,
    telnyx,
    telnyx_call,
    telnyx_callback,
    telnyx_event,
    twilio,
    twilio_call,
    twilio_refusal,
    twilio_tells,
)
from tests.world import World
from worker import logs, tasks, wiring
from worker.carriers.base import BadSignature
from worker.domain.errors import Conflict, Invalid, NotFound
from worker.flow import record
from worker.flow.base import Fill
from worker.flow.edit import edit_campaign
from worker.settings import settings
from worker.slots import connect
from worker.store import setup

STREAM = "wss://voice.example.com/stream"


@pytest.fixture
def there(world: World, peer: Peer) -> Iterator[World]:
    """A world whose team has an account with each carrier, at servers that do as they are told."""
    made = {"twilio": twilio(peer.url, read_seconds=0.3), "telnyx": telnyx(peer.url, read_seconds=0.3)}
    world.dialer = replace(
        world.dialer, carriers={**world.dialer.carriers, **made}, public_base_url="https://dialer.example.com"
    )
    peer.replies()
    for n, carrier in enumerate(made):
        world.write(lambda conn, carrier=carrier: setup.account(conn, f"acct_{carrier}", world.team, carrier, carrier))
        number = f"+1202555090{n}"
        world.write(
            lambda conn, carrier=carrier, number=number: setup.number(
                conn, f"pn_{carrier}", world.team, f"acct_{carrier}", number
            )
        )
    world.sql("UPDATE assistants SET stream_url = :url", url=STREAM)
    yield world
    for carrier in made.values():
        carrier.close()


def campaign_through(world: World, carrier: str, count: int = 1, **more: Any) -> str:
    return world.campaign(world.contacts(count), fromNumberIds=[f"pn_{carrier}"], **more)


def hear(world: World, carrier: str, told: Callback) -> None:
    """A callback as it comes in."""
    world.carry_out(record.receive(world.dialer, carrier, told.token, told.url, told.headers, told.body))


# ---------------------------------------------------------------------------------------------- lives


def test_a_call_through_twilio_is_placed_told_about_and_over(there: World, peer: Peer) -> None:
    peer.replies(Reply(201, twilio_call("queued")))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    call = there.call(campaign)
    form = peer.asked[0].form
    assert (form["Timeout"], form["TimeLimit"]) == (["30"], ["1800"])
    assert form["StatusCallback"][0].startswith(f"https://dialer.example.com/carriers/twilio/events/{call.token}")
    assert form["Url"][0].startswith(f"https://dialer.example.com/carriers/twilio/answer/{call.token}")
    for event in ("ringing", "answered", "answered", "completed", "completed"):
        hear(there, "twilio", twilio_tells(event, call.token))
    call = there.call(campaign)
    assert (call.disposition, call.carrier_call_id, there.status(campaign)) == ("answered", "CA1", "completed")


def test_a_call_through_telnyx_is_placed_told_about_and_over(there: World, peer: Peer) -> None:
    peer.replies(Reply(200, telnyx_call()))
    campaign = campaign_through(there, "telnyx")
    there.run(campaign)
    call, body = there.call(campaign), peer.asked[0].json
    assert (body["timeout_secs"], body["time_limit_secs"], body["command_id"]) == (30, 1800, call.id)
    assert f"campaignId={campaign}&contactId={call.contact_id}" in body["stream_url"]
    for event_type in ("call.answered", "call.initiated"):
        hear(there, "telnyx", telnyx_callback(call.token, telnyx_event(event_type, call.token)))
    end = telnyx_event("call.hangup", call.token, hangup_cause="normal_clearing", sip_hangup_cause="200")
    hear(there, "telnyx", telnyx_callback(call.token, end))
    assert (there.call(campaign).disposition, there.status(campaign)) == ("answered", "completed")


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_a_request_in_doubt_is_never_made_again(there: World, peer: Peer, carrier: str) -> None:
    """The read timed out after the request had left: for all we know the phone rings."""
    peer.replies(SILENCE)
    campaign = campaign_through(there, carrier)
    there.run(campaign)
    for _ in range(3):
        peer.asked.clear()
        there.pass_machine_time(60)
        there.advance(60)
        assert [asked for asked in peer.asked if asked.method == "POST"] == []
    assert there.call(campaign).state == "unknown"
    there.sql("UPDATE calls SET provable_end_at = clock_timestamp()")
    there.pass_machine_time(60)
    there.tick()
    call = there.call(campaign)
    assert (call.disposition, call.attempt, there.by_status(campaign)) == ("lost", 1, {"queued": 1})
    entry = there.entry(campaign, call.contact_id)
    assert (entry.due_at - there.now).total_seconds() > 3000, "the whole delay applies"


def test_a_doubt_at_twilio_is_resolved_by_its_list(there: World, peer: Peer) -> None:
    peer.replies(SILENCE, Reply(200, {"calls": [twilio_call("in-progress", sid="CA7")]}))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    there.sql("UPDATE calls SET next_check_at = clock_timestamp()")
    there.tick()
    call = there.call(campaign)
    assert (call.state, call.carrier_call_id) == ("in_progress", "CA7")
    hear(there, "twilio", twilio_tells("completed", call.token, call="CA7"))


def test_a_call_that_telnyx_only_knows_to_be_over_was_answered_if_it_had_been(there: World, peer: Peer) -> None:
    peer.replies(Reply(200, telnyx_call(call="v3:1")), Reply(200, telnyx_call(call="v3:2")))
    campaign = campaign_through(there, "telnyx", 2)
    there.run(campaign)
    first, second = there.calls(campaign)
    told = telnyx_event("call.answered", first.token, call=first.carrier_call_id)
    hear(there, "telnyx", telnyx_callback(first.token, told))
    there.sql("UPDATE calls SET next_check_at = clock_timestamp()")
    over = [Reply(200, telnyx_call("over", call=call.carrier_call_id)) for call in sorted((first, second), key=_id)]
    peer.replies(*over)
    there.tick()
    ended = {call.id: call.disposition for call in there.calls(campaign)}
    assert ended == {first.id: "answered", second.id: "lost"}
    late = telnyx_event("call.initiated", second.token, call=second.carrier_call_id)
    hear(there, "telnyx", telnyx_callback(second.token, late))
    assert there.sql("SELECT FROM calls WHERE late_evidence_at IS NOT NULL") == [], "it is the carrier's own word"


def _id(call: Any) -> str:
    return str(call.id)


def test_a_number_that_cannot_be_reached_gets_one_more_try(there: World, peer: Peer) -> None:
    peer.replies(twilio_refusal(400, 21214), twilio_refusal(400, 21214))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    (call,) = there.calls(campaign)
    assert (call.disposition, call.cause, there.by_status(campaign)) == ("invalid_number", "21214", {"queued": 1})
    there.until(campaign, "completed")
    (row,) = there.sql("SELECT status, reason, attempts FROM campaign_contacts")
    assert (row.status, row.reason, row.attempts) == ("failed", "invalid_number", 2)


def test_a_flagged_caller_id_rests_and_the_call_is_made_later(there: World, peer: Peer) -> None:
    peer.replies(twilio_refusal(400, 32017))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    (number,) = there.sql(
        "SELECT extract(epoch FROM resting_until - clock_timestamp()) / 3600 AS hours FROM phone_numbers"
        " WHERE id = 'pn_twilio'"
    )
    assert 3 < number.hours <= 4
    assert there.by_status(campaign) == {"queued": 1}


# ---------------------------------------------------------------------------------------------- nobody's calls


def test_an_answered_call_under_nobodys_token_is_hung_up(there: World, peer: Peer) -> None:
    """A backup was restored, or another deployment has our address: whoever picked up hears nothing."""
    token = "f" * 32
    peer.replies(Reply(200, {"data": {"result": "ok"}}))
    hear(there, "telnyx", telnyx_callback(token, telnyx_event("call.initiated", token)))
    assert peer.asked == []
    hear(there, "telnyx", telnyx_callback(token, telnyx_event("call.answered", token)))
    assert [asked.path for asked in peer.asked] == ["/v2/calls/v3%3A1/actions/hangup"]
    assert {row.outcome for row in there.sql("SELECT outcome FROM call_events")} == {"unknown_token"}


def test_a_second_call_under_one_token_is_hung_up(there: World, peer: Peer) -> None:
    peer.replies(Reply(201, twilio_call("queued")), Reply(200, twilio_call("canceled")))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    call = there.call(campaign)
    hear(there, "twilio", twilio_tells("ringing", call.token, call="CA_other"))
    assert peer.asked[1].path.endswith("/Calls/CA_other.json")
    assert peer.asked[1].form == {"Status": ["canceled"]}
    hear(there, "twilio", twilio_tells("completed", call.token))


# ---------------------------------------------------------------------------------------------- what must be there


def without(world: World, carrier: str) -> None:
    rest = {name: made for name, made in world.dialer.carriers.items() if name != carrier}
    world.dialer = replace(world.dialer, carriers=rest)


def test_a_carrier_without_credentials_pauses_the_campaign_and_says_what_to_set(there: World) -> None:
    campaign = campaign_through(there, "twilio", 2)
    without(there, "twilio")
    there.run(campaign)
    row = there.campaign_row(campaign)
    assert row.status == "paused"
    assert row.pause_reason == (
        "carrier_not_set_up: This deployment cannot call through twilio; set TWILIO_ACCOUNT_SID and "
        "TWILIO_AUTH_TOKEN, then resume."
    )
    assert there.by_status(campaign) == {"queued": 2}
    assert {call.disposition for call in there.calls(campaign)} == {"not_sent"}
    assert {entry.attempts for entry in there.sql("SELECT attempts FROM campaign_contacts")} == {0}


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
        hear(there, "twilio", twilio_tells("ringing", "a" * 32))


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
    hear(there, "twilio", twilio_tells("busy", there.call(campaign).token))
    there.tick()
    row = there.campaign_row(campaign)
    assert (row.status, row.pause_reason.partition(":")[0]) == ("paused", "assistant_unreachable")
    assert len(peer.asked) == 1


# ---------------------------------------------------------------------------------------------- signatures, numbers


def test_a_wrong_signature_is_counted_by_carrier(there: World) -> None:
    told = twilio_tells("ringing", "a" * 32, secret="another")
    for _ in range(3):
        with pytest.raises(BadSignature):
            hear(there, "twilio", told)
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
    heard = Lines()
    logging.getLogger().addHandler(heard)
    monkeypatch.setattr(wiring, "dialer", lambda: there.dialer)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    tasks.configure(tasks.app, settings())
    sends = there.do

    def send_and_do(step: Any) -> Any:
        if not isinstance(step, Fill):  # carried out where it arises, never sent
            tasks.send([step])
        return sends(step)

    there.do = send_and_do  # type: ignore[method-assign]
    replies = [Reply(201, twilio_call("queued")), twilio_refusal(400, 21211), Reply(500), SILENCE]
    for reply in replies:
        peer.replies(reply, Reply(500))
        there.run(campaign_through(there, "twilio", settings={"machineDetection": {}}))
    first = there.all_calls()[0]
    for event in ("ringing", "machine", "completed"):
        hear(there, "twilio", twilio_tells(event, first.token))
    there.pass_machine_time(30)
    peer.replies(*[Reply(500)] * 20)
    there.tick()
    logging.getLogger().removeHandler(heard)
    settings.cache_clear()
    messages = dump(connect(redis_url))
    out, err = capfd.readouterr()
    said = [*heard.lines, out, err, *messages]
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
