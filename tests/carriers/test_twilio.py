"""What only Twilio does, with its SDK as the judge of signatures and requests."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as SdkResponse
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.carriers.peer import Peer, Reply
from tests.carriers.rigs import (
    ACCOUNT,
    OLD_SECRET,
    SECRET,
    twilio,
    twilio_call,
    twilio_callback,
    twilio_refusal,
    twilio_reports,
)
from tests.carriers.running import a_call_request
from worker.carriers.base import Accepted, BadEvent, BadSignature, CallRequest, CannotTell, CarrierCall, Greeting
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.carriers.twilio.signature import OVERRIDES, is_signed, sign
from worker.domain.assistant import Assistant
from worker.domain.model import CallState, Disposition

TOKEN = "a" * 32
URL = f"https://dialer.example.com/carriers/twilio/events/{TOKEN}"
DIALED_AT = datetime(2027, 1, 15, 8, 0, 0, 400_000, tzinfo=UTC)


@pytest.fixture
def carrier(peer: Peer) -> Iterator[TwilioCarrier]:
    carrier = twilio(peer.url)
    yield carrier
    carrier.close()


def call_request(**changes: Any) -> CallRequest:
    known = {"answer_url": "https://dialer.example.com/carriers/twilio/answer/x", "dialed_at": DIALED_AT}
    return a_call_request("+12025550123", lambda _: URL, **{**known, **changes})


# ---------------------------------------------------------------------------------------------- signatures

FIELDS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6)
HOSTS = st.sampled_from(["dialer.example.com", "dialer.example.com:443", "dialer.example.com:8443", "127.0.0.1:80"])


@given(FIELDS, HOSTS, st.sampled_from(["https", "http"]))
def test_our_signature_is_the_one_of_the_vendors_sdk(fields: dict[str, str], host: str, scheme: str) -> None:
    url = f"{scheme}://{host}/carriers/twilio/events/{TOKEN}"
    signature = sign(SECRET, url, fields.items())
    assert signature == RequestValidator(SECRET).compute_signature(url, fields)
    assert RequestValidator(SECRET).validate(url, fields, signature)
    assert is_signed([SECRET], url, fields.items(), signature)


@given(FIELDS, st.sampled_from(["dialer.example.com", "dialer.example.com:443"]))
def test_the_address_is_taken_with_and_without_its_port_as_the_sdk_does(fields: dict[str, str], host: str) -> None:
    signed_with = RequestValidator(SECRET).compute_signature(f"https://{host}/x", fields)
    for address in ("https://dialer.example.com/x", "https://dialer.example.com:443/x"):
        assert is_signed([SECRET], address, fields.items(), signed_with)
        assert RequestValidator(SECRET).validate(address, fields, signed_with)


def test_a_field_that_is_repeated_counts_once_for_each_value() -> None:
    class Repeated(dict[str, list[str]]):
        def getlist(self, name: str) -> list[str]:
            return self[name]

    given = Repeated(Part=["b", "a", "b"], Other=["c"])
    pairs = [(name, value) for name, values in given.items() for value in values]
    assert sign(SECRET, URL, pairs) == RequestValidator(SECRET).compute_signature(URL, given)


def test_while_the_token_is_rotated_both_are_good(carrier: TwilioCarrier) -> None:
    for secret in (SECRET, OLD_SECRET):
        callback = twilio_reports("ringing", TOKEN, secret=secret)
        assert carrier.parse(TOKEN, callback.url, callback.headers, callback.body).carrier_call_id == "CA1"
    callback = twilio_reports("ringing", TOKEN, secret="a third")
    with pytest.raises(BadSignature):
        carrier.parse(TOKEN, callback.url, callback.headers, callback.body)


def test_a_blank_field_is_signed_along(carrier: TwilioCarrier) -> None:
    callback = twilio_callback(TOKEN, {"CallSid": "CA1", "CallStatus": "ringing", "ForwardedFrom": ""})
    assert carrier.parse(TOKEN, callback.url, callback.headers, callback.body).event_id == "CA1-ringing"


@pytest.mark.parametrize(
    "fields",
    [{}, {"CallSid": "CA1"}, {"CallStatus": "ringing"}, {"CallSid": "CA1", "CallStatus": "+12025550123"}],
)
def test_a_signed_callback_that_says_nothing_is_no_event(carrier: TwilioCarrier, fields: dict[str, str]) -> None:
    callback = twilio_callback(TOKEN, fields)
    with pytest.raises(BadEvent) as refused:
        carrier.parse(TOKEN, callback.url, callback.headers, callback.body)
    assert "2025550123" not in str(refused.value), "no number is in an exception"


# ---------------------------------------------------------------------------------------------- requests


class Witness(TwilioHttpClient):
    """Keeps what the SDK would send; of its many arguments only those we look at are named."""

    def request(self, method: str, url: str, *_: Any, **more: Any) -> SdkResponse:
        self.method, self.url, self.more = method, url, more
        return SdkResponse(201, "{}")


def test_the_request_is_what_the_vendors_sdk_would_send(carrier: TwilioCarrier, peer: Peer) -> None:
    witness, placed = Witness(), call_request(ring_seconds=30, longest_call_seconds=600, detects_machines=True)
    callback = URL + OVERRIDES
    Client(ACCOUNT, SECRET, http_client=witness).calls.create(
        to=placed.to_number,
        from_=placed.from_number,
        url=placed.answer_url + OVERRIDES,
        method="POST",
        status_callback=callback,
        status_callback_method="POST",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        timeout=30,
        time_limit=600,
        machine_detection="Enable",
        async_amd="true",
        async_amd_status_callback=callback,
        async_amd_status_callback_method="POST",
    )
    peer.replies(Reply(201, twilio_call("queued")))
    carrier.place(placed)
    (asked,) = peer.asked
    assert asked.path == witness.url.removeprefix("https://api.twilio.com")
    sdk = {name: value if isinstance(value, list) else [str(value)] for name, value in witness.more["data"].items()}
    assert asked.form == sdk
    user, _, password = b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
    assert (user, password) == (ACCOUNT, SECRET)
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_detection_is_asked_for_only_where_it_is_wanted(carrier: TwilioCarrier, peer: Peer) -> None:
    peer.replies(Reply(500))
    carrier.place(call_request())
    assert not {"MachineDetection", "AsyncAmd", "AsyncAmdStatusCallback"} & peer.asked[0].form.keys()


@pytest.mark.parametrize(("said", "milliseconds"), [("0", 0), ("6500", 6500), (None, 0), ("soon", 0), (7000, 7000)])
def test_how_long_a_call_is_queued_is_shown(carrier: TwilioCarrier, peer: Peer, said: Any, milliseconds: int) -> None:
    peer.replies(Reply(201, twilio_call("queued", queue_time=said)))
    assert carrier.place(call_request()) == Accepted("CA1", milliseconds)


# ---------------------------------------------------------------------------------------------- searching


def found(carrier: TwilioCarrier, peer: Peer, *views: Any) -> Any:
    peer.replies(Reply(200, {"calls": list(views), "next_page_uri": None}))
    return carrier.find(call_request())


def test_a_search_asks_for_the_two_numbers_and_for_no_start(carrier: TwilioCarrier, peer: Peer) -> None:
    """While it is queued a call has no start, and its day is all that could be searched for."""
    assert found(carrier, peer) == ()
    assert peer.asked[0].query == {"To": ["+12025550123"], "From": ["+12025550000"], "PageSize": ["50"]}


@pytest.mark.parametrize(
    ("status", "seconds", "is_ours"),
    [
        ("queued", 0, True),
        ("ringing", 16, True),
        ("in-progress", -20, True),  # the clocks differ, and no earlier call to the number can be alive
        ("completed", 1, True),
        ("completed", -2, False),  # over before ours was asked for
        ("busy", 0, True),
        ("completed", 600, False),
    ],
)
def test_only_a_call_made_at_that_moment_may_be_ours(
    carrier: TwilioCarrier, peer: Peer, status: str, seconds: int, is_ours: bool
) -> None:
    view = twilio_call(status, made_at=DIALED_AT + timedelta(seconds=seconds))
    assert [call.carrier_call_id for call in found(carrier, peer, view)] == (["CA1"] if is_ours else [])


@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress"])
@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_call_that_lives_is_no_miss_however_wrong_the_clock_is(
    carrier: TwilioCarrier, peer: Peer, status: str, seconds: int
) -> None:
    view = twilio_call(status, made_at=DIALED_AT + timedelta(seconds=seconds))
    assert isinstance(found(carrier, peer, view), CannotTell)


def test_a_call_of_that_moment_that_cannot_be_read_is_no_miss(carrier: TwilioCarrier, peer: Peer) -> None:
    assert isinstance(found(carrier, peer, twilio_call("exploded", made_at=DIALED_AT)), CannotTell)


def test_calls_without_a_date_are_passed_over(carrier: TwilioCarrier, peer: Peer) -> None:
    assert found(carrier, peer, {"sid": "CA1", "status": "completed"}, "nonsense", None) == ()


def test_a_machine_that_had_answered_is_seen_afterwards(carrier: TwilioCarrier, peer: Peer) -> None:
    peer.replies(Reply(200, twilio_call("completed", answered_by="machine_start")))
    seen = carrier.get(call_request(), "CA1")
    assert isinstance(seen, CarrierCall)
    assert (seen.state, seen.disposition, seen.verdict) == (CallState.ENDED, Disposition.MACHINE, "machine")


# ---------------------------------------------------------------------------------------------- ending


def ended(carrier: TwilioCarrier, peer: Peer, *replies: Reply) -> tuple[bool, list[str]]:
    """What ending answered, and the statuses that were asked for."""
    peer.replies(*replies)
    done = carrier.end(call_request(), "CA1") is None
    return done, [parse_qs(asked.body.decode())["Status"][0] for asked in peer.asked]


def test_a_call_nobody_has_answered_is_canceled_and_never_completed(carrier: TwilioCarrier, peer: Peer) -> None:
    """Completed, it would count as answered, and its contact never be called again."""
    assert ended(carrier, peer, Reply(200, twilio_call("canceled"))) == (True, ["canceled"])
    assert ended(carrier, peer, Reply(200, twilio_call("ringing"))) == (True, ["canceled"])


def test_a_call_that_talks_is_completed(carrier: TwilioCarrier, peer: Peer) -> None:
    over = Reply(200, twilio_call("completed"))
    for talks in (Reply(200, twilio_call("in-progress")), twilio_refusal(400, 21220)):
        assert ended(carrier, peer, talks, over) == (True, ["canceled", "completed"])


def test_a_call_that_is_over_cannot_be_ended_and_need_not_be(carrier: TwilioCarrier, peer: Peer) -> None:
    over = twilio_refusal(400, 21220)
    assert ended(carrier, peer, over, over) == (True, ["canceled", "completed"])
    assert ended(carrier, peer, over, twilio_refusal(404, 20404)) == (True, ["canceled", "completed"])


def test_an_end_that_twilio_did_not_take_is_requested_again_later(carrier: TwilioCarrier, peer: Peer) -> None:
    assert ended(carrier, peer, Reply(500)) == (False, ["canceled"])
    assert not ended(carrier, peer, Reply(200, twilio_call("in-progress")), Reply(500))[0]


# ---------------------------------------------------------------------------------------------- instructions


def greeting(**assistant: str) -> Greeting:
    return Greeting(Assistant(**assistant), "call_1", "camp_1", 'cont_<&">')


def test_an_expected_callee_is_connected_to_the_assistants_stream(carrier: TwilioCarrier) -> None:
    response = fromstring(carrier.instruct(greeting(stream_url="wss://voice.example.com/s?a=1&b=2")))
    (stream,) = response.findall("./Connect/Stream")
    assert stream.get("url") == "wss://voice.example.com/s?a=1&b=2"
    parameters = {parameter.get("name"): parameter.get("value") for parameter in stream.findall("Parameter")}
    assert parameters == {"callId": "call_1", "campaignId": "camp_1", "contactId": 'cont_<&">'}


def test_an_assistant_with_twiml_of_its_own_is_gone_to_with_the_ids_in_the_query(carrier: TwilioCarrier) -> None:
    response = fromstring(carrier.instruct(greeting(answer_url="https://voice.example.com/twiml?key=1")))
    (redirect,) = response
    assert (redirect.tag, redirect.get("method")) == ("Redirect", "POST")
    address, _, query = str(redirect.text).partition("?")
    assert address == "https://voice.example.com/twiml"
    assert parse_qs(query) == {
        "key": ["1"], "callId": ["call_1"], "campaignId": ["camp_1"], "contactId": ['cont_<&">']}  # fmt: skip


@pytest.mark.parametrize("whom", [None, greeting(), greeting(carrier_ids={"telnyx_assistant_id": "assistant-1"})])
def test_whom_nobody_expects_or_can_talk_to_is_hung_up(carrier: TwilioCarrier, whom: Greeting | None) -> None:
    assert [verb.tag for verb in fromstring(carrier.instruct(whom))] == ["Hangup"]
