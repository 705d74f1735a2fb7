"""What only Telnyx does, with its SDK as the judge of signatures and requests."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telnyx import Telnyx
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

from tests.carriers.peer import Peer, Reply
from tests.carriers.rigs import (
    CONNECTION,
    SECRET,
    TELNYX_KEY,
    TELNYX_PUBLIC_KEY,
    Callback,
    telnyx,
    telnyx_call,
    telnyx_callback,
    telnyx_event,
    telnyx_refusal,
    telnyx_reports,
)
from tests.carriers.running import a_call_request
from worker.carriers.base import BadEvent, BadSignature, CallEvent, CallRequest, CannotTell, CarrierCall, Verdict
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.domain.assistant import Assistant
from worker.domain.model import CallState, Disposition, EventKind

TOKEN = "a" * 32
ASSISTANT = Assistant(carrier_ids={"telnyx_assistant_id": "assistant-1"}, stream_url="wss://voice.example.com/s?key=1")


@pytest.fixture
def carrier(peer: Peer) -> Iterator[TelnyxCarrier]:
    carrier = telnyx(peer.url)
    yield carrier
    carrier.close()


def call_request(**changes: Any) -> CallRequest:
    known = {"assistant": ASSISTANT, "campaign_id": "camp_1", "contact_id": "cont_1"}
    return a_call_request("+12025550123", lambda token: f"https://dialer.example.com/{token}", **{**known, **changes})


def parsed(carrier: TelnyxCarrier, callback: Callback) -> CallEvent | None:
    return carrier.parse(callback.token, callback.url, callback.headers, callback.body)


# ---------------------------------------------------------------------------------------------- signatures


def sdk_takes(callback: Callback) -> bool:
    try:
        verify_webhook_signature(callback.body, callback.headers, TELNYX_PUBLIC_KEY)
    except WebhookVerificationError:
        return False
    return True


def we_take(callback: Callback, unix_time: float | None = None) -> bool:
    clock = time.time if unix_time is None else lambda: unix_time
    carrier = TelnyxCarrier("http://127.0.0.1:1", SECRET, TELNYX_PUBLIC_KEY, CONNECTION, unix_time=clock)
    try:
        parsed(carrier, callback)
    except BadSignature:
        return False
    except BadEvent:
        pass
    finally:
        carrier.close()
    return True


def signed(body: bytes, at: str) -> Callback:
    signature = b64encode(TELNYX_KEY.sign(at.encode() + b"|" + body).signature).decode()
    return Callback(TOKEN, "", {"Telnyx-Timestamp": at, "Telnyx-Signature-Ed25519": signature}, body)


@given(st.text(max_size=20).map(str.encode), st.sampled_from([-100_000, -250, 0, 250, 100_000]))
def test_we_take_what_the_vendors_sdk_takes(body: bytes, seconds: int) -> None:
    callback = signed(body, str(int(time.time()) + seconds))
    assert we_take(callback) == sdk_takes(callback) == (abs(seconds) < 300)


@pytest.mark.parametrize(
    "headers",
    [{}, {"telnyx-timestamp": "yesterday"}, {"telnyx-timestamp": "9" * 5000}, {"telnyx-timestamp": ""},
     {"telnyx-signature-ed25519": "AAAA"}, {"telnyx-signature-ed25519": "*"},
     {"telnyx-signature-ed25519": b64encode(b"x" * 64).decode()}],
)  # fmt: skip
def test_what_the_sdk_refuses_we_refuse(headers: dict[str, str]) -> None:
    callback = telnyx_reports("ringing", TOKEN)
    callback = Callback(callback.token, callback.url, {**callback.headers, **headers} if headers else {}, callback.body)
    assert not sdk_takes(callback)
    assert not we_take(callback)


def test_a_webhook_that_is_five_minutes_old_is_refused() -> None:
    callback = signed(b"{}", "1800000000")
    assert we_take(callback, 1_800_000_299)
    assert not we_take(callback, 1_800_000_301)
    assert not we_take(callback, 1_799_999_699)


# ---------------------------------------------------------------------------------------------- requests


def test_the_request_is_what_the_vendors_sdk_would_send(carrier: TelnyxCarrier, peer: Peer) -> None:
    placed = call_request(ring_seconds=30, longest_call_seconds=600, detects_machines=True)
    peer.replies(Reply(200, telnyx_call()), Reply(200, telnyx_call()))
    sdk = Telnyx(api_key=SECRET, base_url=f"{peer.url}/v2", max_retries=0)
    sdk.calls.dial(
        connection_id=CONNECTION,
        from_=placed.from_number,
        to=placed.to_number,
        command_id=placed.call_id,
        client_state=b64encode(placed.token.encode()).decode(),
        webhook_url=placed.callback_url,
        webhook_url_method="POST",
        timeout_secs=30,
        retry_on_timeout=False,
        time_limit_secs=600,
        answering_machine_detection="detect",
        assistant={
            "id": "assistant-1",
            "dynamic_variables": {"callId": placed.call_id, "campaignId": "camp_1", "contactId": "cont_1"},
        },
    )
    carrier.place(placed)
    theirs, ours = peer.asked
    assert (ours.method, ours.path, ours.json) == (theirs.method, theirs.path, theirs.json)
    assert ours.headers["Authorization"] == theirs.headers["Authorization"] == f"Bearer {SECRET}"


def test_an_assistant_without_a_telnyx_id_is_streamed_to_with_the_ids_in_the_query(
    carrier: TelnyxCarrier, peer: Peer
) -> None:
    peer.replies(Reply(500))
    placed = call_request(assistant=Assistant(stream_url="wss://voice.example.com/s?key=1"))
    carrier.place(placed)
    body = peer.asked[0].json
    assert "assistant" not in body
    assert body["stream_bidirectional_mode"] == "rtp"
    parts = urlsplit(body["stream_url"])
    assert (parts.scheme, parts.netloc, parts.path) == ("wss", "voice.example.com", "/s")
    assert parse_qs(parts.query) == {
        "key": ["1"], "callId": [placed.call_id], "campaignId": ["camp_1"], "contactId": ["cont_1"]}  # fmt: skip


def test_detection_is_asked_for_only_where_it_is_wanted(carrier: TelnyxCarrier, peer: Peer) -> None:
    peer.replies(Reply(500))
    carrier.place(call_request())
    assert "answering_machine_detection" not in peer.asked[0].json


@pytest.mark.parametrize("base", ["", "/", "/v2", "/v2/"])
def test_the_base_address_may_name_the_version_or_not(peer: Peer, base: str) -> None:
    carrier = telnyx(peer.url + base)
    peer.replies(Reply(500))
    carrier.place(call_request())
    assert peer.asked[0].path == "/v2/calls"
    carrier.close()


def test_the_token_comes_back_in_the_state_of_the_client(carrier: TelnyxCarrier, peer: Peer) -> None:
    peer.replies(Reply(500))
    placed = call_request()
    carrier.place(placed)
    assert b64decode(peer.asked[0].json["client_state"]).decode() == placed.token


# ---------------------------------------------------------------------------------------------- asking, ending


def test_a_call_that_is_not_alive_yet_is_not_taken_for_one_that_is_over(carrier: TelnyxCarrier, peer: Peer) -> None:
    """Dialing is asynchronous at Telnyx: until it rings a call is shown as not alive."""
    peer.replies(Reply(200, telnyx_call()))
    assert isinstance(carrier.get(call_request(), "v3:1"), CannotTell)


def test_of_a_call_that_is_over_no_more_is_known_than_that(carrier: TelnyxCarrier, peer: Peer) -> None:
    peer.replies(Reply(200, telnyx_call("busy")))
    assert carrier.get(call_request(), "v3:1") == CarrierCall("v3:1", CallState.ENDED, Disposition.LOST)


def test_a_call_that_has_ended_already_counts_as_ended(carrier: TelnyxCarrier, peer: Peer) -> None:
    peer.replies(Reply(200, {"data": {"result": "ok"}}), telnyx_refusal(422, "90018"), telnyx_refusal(422, "90034"))
    assert [carrier.end(call_request(), "v3:1") is None for _ in range(3)] == [True, True, False]
    assert peer.asked[0].path == "/v2/calls/v3%3A1/actions/hangup"


# ---------------------------------------------------------------------------------------------- webhooks


@pytest.mark.parametrize(
    ("event_type", "result", "verdict"),
    [
        ("call.machine.detection.ended", "human", Verdict.HUMAN),
        ("call.machine.detection.ended", "machine", Verdict.MACHINE),
        ("call.machine.detection.ended", "not_sure", Verdict.UNKNOWN),
        ("call.machine.premium.detection.ended", "human_residence", Verdict.HUMAN),
        ("call.machine.premium.detection.ended", "fax_detected", Verdict.FAX),
        ("call.machine.premium.detection.ended", "silence", Verdict.UNKNOWN),
    ],
)
def test_a_verdict(carrier: TelnyxCarrier, event_type: str, result: str, verdict: Verdict) -> None:
    read = parsed(carrier, telnyx_callback(TOKEN, telnyx_event(event_type, TOKEN, result=result)))
    assert read is not None
    assert (read.kind, read.verdict) == (EventKind.MACHINE, verdict)


@pytest.mark.parametrize(
    "event_type", ["call.bridged", "streaming.started", "call.machine.greeting.ended", "call.conversation.ended"]
)
def test_news_that_no_calls_life_depends_on_is_taken_and_passed_over(carrier: TelnyxCarrier, event_type: str) -> None:
    """Refused, Telnyx would send it again."""
    assert parsed(carrier, telnyx_callback(TOKEN, telnyx_event(event_type, "b" * 32))) is None


NONSENSE: list[dict[str, Any]] = [
    {},
    {"event_type": ["call.hangup"]},
    {**telnyx_event("call.hangup", TOKEN), "id": None},
    {**telnyx_event("call.hangup", TOKEN), "payload": None},
    {**telnyx_event("call.hangup", TOKEN), "payload": []},
    telnyx_event("call.hangup", TOKEN, call=""),
    telnyx_event("call.hangup", TOKEN, client_state=None),
    telnyx_event("call.hangup", TOKEN, client_state="*"),
    telnyx_event("call.hangup", TOKEN, client_state=["x"]),
    telnyx_event("call.machine.detection.ended", TOKEN, result=None),
    telnyx_event("call.machine.detection.ended", TOKEN, result={}),
]


@pytest.mark.parametrize("data", NONSENSE)
def test_a_signed_webhook_that_cannot_be_read_is_no_event(carrier: TelnyxCarrier, data: dict[str, Any]) -> None:
    with pytest.raises(BadEvent) as refused:
        parsed(carrier, telnyx_callback(TOKEN, data))
    assert "2025550123" not in str(refused.value), "no number is in an exception"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xfe", b"[]", b"{}", b'{"data": []}', b"[" * 100_000])
def test_a_signed_body_that_is_no_webhook_is_no_event(carrier: TelnyxCarrier, body: bytes) -> None:
    with pytest.raises(BadEvent):
        parsed(carrier, signed(body, str(int(time.time()))))
