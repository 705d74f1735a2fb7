"""A carrier's key is good for more than the account this deployment calls through: what names another is found out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.carriers.rigs import (
    ACCOUNT,
    CONNECTION,
    SIMULATOR,
    TELNYX,
    TWILIO,
    Callback,
    Rig,
    telnyx_callback,
    telnyx_event,
    twilio_callback,
)

TOKEN = "f" * 32
TWILIOS = {
    "an end": {"CallStatus": "busy"},
    "a beginning": {"CallStatus": "initiated"},
    "an answer": {"CallStatus": "in-progress"},
    "a verdict": {"AnsweredBy": "machine_start"},
}
TELNYXS = {
    "an end": ("call.hangup", {"hangup_cause": "user_busy"}),
    "a beginning": ("call.initiated", {}),
    "an answer": ("call.answered", {}),
    "a verdict": ("call.machine.detection.ended", {"result": "machine"}),
}


def other_account(rig: Rig, callback: Callback) -> str | None:
    carrier = rig.make("http://127.0.0.1:1")
    try:
        event: Any = carrier.parse(callback.token, callback.url, callback.headers, callback.body)
    finally:
        carrier.close()
    assert event is not None
    other: str | None = event.other_account
    return other


@pytest.mark.parametrize("what", TWILIOS)
@pytest.mark.parametrize(
    ("named", "other"),
    [
        ({}, None),
        ({"AccountSid": ""}, None),
        ({"AccountSid": ACCOUNT}, None),
        ({"AccountSid": "AC" + "1" * 32}, "AC" + "1" * 32),
        ({"AccountSid": ACCOUNT.lower()}, ACCOUNT.lower()),
        ({"AccountSid": f"{ACCOUNT} "}, f"{ACCOUNT} "),
    ],
)
def test_twilios_subaccounts_are_other_accounts(named: dict[str, str], other: str | None, what: str) -> None:
    callback = twilio_callback(TOKEN, {"CallSid": "CA1", **TWILIOS[what], **named})
    assert other_account(TWILIO, callback) == other


@pytest.mark.parametrize("what", TELNYXS)
@pytest.mark.parametrize(
    ("named", "other"),
    [
        ({}, None),
        ({"connection_id": None}, None),
        ({"connection_id": CONNECTION}, None),
        ({"connection_id": int(CONNECTION)}, None),
        ({"connection_id": "1684641123236054245"}, "1684641123236054245"),
        ({"connection_id": [CONNECTION]}, f"['{CONNECTION}']"),
    ],
)
def test_telnyxs_other_connections_are_other_accounts(named: dict[str, Any], other: str | None, what: str) -> None:
    event_type, payload = TELNYXS[what]
    callback = telnyx_callback(TOKEN, telnyx_event(event_type, TOKEN, **payload, **named))
    assert other_account(TELNYX, callback) == other


def test_the_simulator_has_one_secret_and_one_account() -> None:
    assert other_account(SIMULATOR, SIMULATOR.reports("busy", TOKEN)) is None
