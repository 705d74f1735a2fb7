"""Which callbacks the adapter believes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.carriers.base import BadEvent, BadSignature
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from worker.domain.model import Disposition, EventKind

SECRET, NOW, TOKEN = "shared-secret", 1_800_000_000, "f" * 32


@pytest.fixture(scope="module")
def carrier() -> SimulatorCarrier:
    return SimulatorCarrier("http://127.0.0.1:9", SECRET, unix_time=lambda: float(NOW))


def a_body(**changes: Any) -> bytes:
    call = {"id": "sim_1", "token": TOKEN, "status": "busy", "answered_by": None, "sip_code": 486}
    message = {
        "event_id": "sim_1-ended",
        "event": "ended",
        "occurred_at": "2027-01-15T08:00:00+00:00",
        "call": call,
    }
    return json.dumps({**message, **changes}).encode()


def signed(body: bytes, at: int = NOW, secret: str = SECRET) -> dict[str, str]:
    return {TIMESTAMP_HEADER: str(at), SIGNATURE_HEADER: sign(secret, str(at), body)}


def test_the_signature_is_hmac_sha256_over_timestamp_dot_body() -> None:
    assert sign("key", "1", b"{}") == "1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"


def test_a_signed_callback_is_believed_whatever_the_case_of_its_headers(carrier: SimulatorCarrier) -> None:
    body = a_body()
    headers = {name.lower(): value for name, value in signed(body).items()}

    event = carrier.parse(TOKEN, "", headers, body)

    assert (event.kind, event.disposition, event.sip_code) == (EventKind.ENDED, Disposition.BUSY, 486)
    assert event.raw == json.loads(body)


def test_a_tampered_body_is_refused(carrier: SimulatorCarrier) -> None:
    headers = signed(a_body())

    with pytest.raises(BadSignature):
        carrier.parse(TOKEN, "", headers, a_body(event_id="sim_2-ended"))


def test_a_signature_made_with_another_secret_is_refused(carrier: SimulatorCarrier) -> None:
    with pytest.raises(BadSignature):
        carrier.parse(TOKEN, "", signed(a_body(), secret="guessed"), a_body())


def test_a_fresh_timestamp_on_an_old_signature_is_refused(carrier: SimulatorCarrier) -> None:
    headers = {**signed(a_body(), at=NOW - 1000), TIMESTAMP_HEADER: str(NOW)}

    with pytest.raises(BadSignature):
        carrier.parse(TOKEN, "", headers, a_body())


@pytest.mark.parametrize("seconds_off", [-301, 301])
def test_a_signature_more_than_five_minutes_off_is_refused(carrier: SimulatorCarrier, seconds_off: int) -> None:
    with pytest.raises(BadSignature, match="five minutes"):
        carrier.parse(TOKEN, "", signed(a_body(), at=NOW + seconds_off), a_body())


@pytest.mark.parametrize("seconds_off", [-300, 300])
def test_a_signature_five_minutes_off_is_believed(carrier: SimulatorCarrier, seconds_off: int) -> None:
    assert carrier.parse(TOKEN, "", signed(a_body(), at=NOW + seconds_off), a_body()).token == TOKEN


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TIMESTAMP_HEADER: str(NOW)},
        {SIGNATURE_HEADER: "00"},
        {TIMESTAMP_HEADER: "now", SIGNATURE_HEADER: "00"},
        {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: "é"},
    ],
)
def test_missing_or_unreadable_headers_are_refused(carrier: SimulatorCarrier, headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        carrier.parse(TOKEN, "", headers, a_body())


def test_a_callback_for_one_call_cannot_be_sent_to_the_address_of_another(carrier: SimulatorCarrier) -> None:
    with pytest.raises(BadEvent):
        carrier.parse("0" * 32, "", signed(a_body()), a_body())


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b"{}",
        a_body(event="exploded"),
        a_body(event=[]),
        a_body(event="machine"),
        a_body(call=None),
        a_body(call={"id": "sim_1", "token": TOKEN, "status": "exploded"}),
        a_body(call={"id": "sim_1", "token": TOKEN, "status": "ringing"}),
        a_body(occurred_at="yesterday"),
        a_body(occurred_at="2027-01-15T08:00:00"),
        a_body(event_id=None),
    ],
)
def test_a_signed_callback_that_makes_no_sense_is_a_bad_event(carrier: SimulatorCarrier, body: bytes) -> None:
    with pytest.raises(BadEvent):
        carrier.parse(TOKEN, "", signed(body), body)
