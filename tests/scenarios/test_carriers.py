"""Campaigns that call through Twilio and Telnyx: what is asked of them, and what they report."""

from __future__ import annotations

from typing import Any

import pytest

from tests.carriers.peer import SILENCE, Peer, Reply
from tests.carriers.rigs import (
    telnyx_call,
    telnyx_callback,
    telnyx_event,
    telnyx_refusal,
    twilio_call,
    twilio_refusal,
    twilio_reports,
)
from tests.scenarios.through import campaign_through, receive
from tests.world import World


def test_a_call_through_twilio_is_placed_reported_and_over(there: World, peer: Peer) -> None:
    peer.replies(Reply(201, twilio_call("queued")))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    call = there.call(campaign)
    form = peer.asked[0].form
    assert (form["Timeout"], form["TimeLimit"]) == (["30"], ["1800"])
    assert form["StatusCallback"][0].startswith(f"https://dialer.example.com/carriers/twilio/events/{call.token}")
    assert form["Url"][0].startswith(f"https://dialer.example.com/carriers/twilio/answer/{call.token}")
    for event in ("ringing", "answered", "answered", "completed", "completed"):
        receive(there, "twilio", twilio_reports(event, call.token))
    call = there.call(campaign)
    assert (call.disposition, call.carrier_call_id, there.status(campaign)) == ("answered", "CA1", "completed")


def test_a_call_through_telnyx_is_placed_reported_and_over(there: World, peer: Peer) -> None:
    peer.replies(Reply(200, telnyx_call()))
    campaign = campaign_through(there, "telnyx")
    there.run(campaign)
    call, body = there.call(campaign), peer.asked[0].json
    assert (body["timeout_secs"], body["time_limit_secs"], body["command_id"]) == (30, 1800, call.id)
    assert f"campaignId={campaign}&contactId={call.contact_id}" in body["stream_url"]
    for event_type in ("call.answered", "call.initiated"):
        receive(there, "telnyx", telnyx_callback(call.token, telnyx_event(event_type, call.token)))
    end = telnyx_event("call.hangup", call.token, hangup_cause="normal_clearing", sip_hangup_cause="200")
    receive(there, "telnyx", telnyx_callback(call.token, end))
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
    receive(there, "twilio", twilio_reports("completed", call.token, call="CA7"))


def test_a_call_that_telnyx_only_knows_to_be_over_was_answered_if_it_had_been(there: World, peer: Peer) -> None:
    peer.replies(Reply(200, telnyx_call(call="v3:1")), Reply(200, telnyx_call(call="v3:2")))
    campaign = campaign_through(there, "telnyx", 2)
    there.run(campaign)
    first, second = there.calls(campaign)
    callback = telnyx_event("call.answered", first.token, call=first.carrier_call_id)
    receive(there, "telnyx", telnyx_callback(first.token, callback))
    there.sql("UPDATE calls SET next_check_at = clock_timestamp()")
    over = [Reply(200, telnyx_call("over", call=call.carrier_call_id)) for call in sorted((first, second), key=_id)]
    peer.replies(*over)
    there.tick()
    ended = {call.id: call.disposition for call in there.calls(campaign)}
    assert ended == {first.id: "answered", second.id: "lost"}
    late = telnyx_event("call.initiated", second.token, call=second.carrier_call_id)
    receive(there, "telnyx", telnyx_callback(second.token, late))
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


# ---------------------------------------------------------------------------------------------- nobody's calls


def test_an_answered_call_under_a_token_of_no_call_is_hung_up(there: World, peer: Peer) -> None:
    """A backup was restored, or another deployment has our address: whoever picked up hears nothing."""
    token = "f" * 32
    peer.replies(Reply(200, {"data": {"result": "ok"}}))
    receive(there, "telnyx", telnyx_callback(token, telnyx_event("call.initiated", token)))
    assert peer.asked == []
    receive(there, "telnyx", telnyx_callback(token, telnyx_event("call.answered", token)))
    assert [asked.path for asked in peer.asked] == ["/v2/calls/v3%3A1/actions/hangup"]
    assert {row.outcome for row in there.sql("SELECT outcome FROM call_events")} == {"unknown_token"}


def test_a_second_call_under_one_token_is_hung_up(there: World, peer: Peer) -> None:
    peer.replies(Reply(201, twilio_call("queued")), Reply(200, twilio_call("canceled")))
    campaign = campaign_through(there, "twilio")
    there.run(campaign)
    call = there.call(campaign)
    receive(there, "twilio", twilio_reports("ringing", call.token, call="CA_other"))
    assert peer.asked[1].path.endswith("/Calls/CA_other.json")
    assert peer.asked[1].form == {"Status": ["canceled"]}
    receive(there, "twilio", twilio_reports("completed", call.token))


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_a_hang_up_of_a_call_that_the_carrier_no_longer_knows_is_not_asked_for_again(
    there: World, peer: Peer, carrier: str
) -> None:
    peer.replies(Reply(201, twilio_call("queued")) if carrier == "twilio" else Reply(200, telnyx_call()))
    campaign = campaign_through(there, carrier)
    there.run(campaign)
    peer.replies(twilio_refusal(404, 20404) if carrier == "twilio" else telnyx_refusal(404, "10005"))
    there.cancel(campaign, hang_up=True)
    assert len(peer.asked) == 1
    for _ in range(3):
        there.tick()
    assert len(peer.asked) == 1
    assert there.call(campaign).end_told_at is not None
