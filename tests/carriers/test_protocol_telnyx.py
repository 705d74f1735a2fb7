"""Telnyx's protocol in the simulator, used by Telnyx's own SDK and judged by its own verification."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from telnyx import APIError, APIStatusError, Telnyx
from telnyx.lib.webhook_verification import WebhookVerificationError

from tests.carriers import lives
from tests.carriers.receiver import Received, Receiver
from tests.carriers.running import SECRET, RunningSimulator

CONNECTION, FROM = "1494404757140276705", "+12025550000"
NOT_PLACED, BROKEN = "+12025550118", "+12025550119"
REFUSED = {
    "+12025550230": ("429:10011", 429, "10011", None),
    "+12025550231": ("unauthorized", 401, "10009", None),
    "+12025550232": ("account_suspended", 403, "10010", None),
    "+12025550236": ("country_not_allowed", 403, "10010", None),
    "+12025550237": ("no_channel", 403, "90010", None),
    "+12025550238": ("403:D14", 403, "10010", None),
    "+12025550233": ("invalid_number", 422, "10016", "/to"),
    "+12025550234": ("422:10016/from", 422, "10016", "/from"),
    "+12025550235": (403, 403, None, None),
}
DETAILS = {
    "+12025550232": "Account is disabled D17",
    "+12025550236": "Dialed number +12025550236 is not included in whitelisted countries USA,CAN D13",
    "+12025550237": "User channel limit exceeded D1",
    "+12025550238": "Dialed number is not valid D14",
}
SCRIPT: dict[str, Any] = {
    **lives.LIVES,
    NOT_PLACED: {"refuse": 503},
    BROKEN: {"ring": 1, "end": "failed"},
    **{number: {"reject": written} for number, (written, *_) in REFUSED.items()},
}


@pytest.fixture(scope="module")
def client(simulator: RunningSimulator) -> Iterator[Telnyx]:
    with a_client(simulator) as client:
        yield client


def a_client(simulator: RunningSimulator, key: str = SECRET) -> Telnyx:
    """Telnyx's, led to this machine, patient for a second, and without the retries it would do by itself."""
    return Telnyx(api_key=key, base_url=f"{simulator.url}/v2", max_retries=0, timeout=1.0)


class Placed:
    def __init__(self, client: Telnyx, receiver: Receiver, number: str, **more: Any) -> None:
        self.token = secrets.token_hex(16)
        self.error: APIError | None = None
        values: dict[str, Any] = {
            "connection_id": CONNECTION,
            "to": number,
            "from_": FROM,
            "command_id": f"call_{self.token}",
            "client_state": base64.b64encode(self.token.encode()).decode(),
            "webhook_url": f"{receiver.url}/carriers/telnyx/events/{self.token}",
            "timeout_secs": 30,
            "time_limit_secs": 600,
        }
        try:
            self.answer = client.calls.dial(**{**values, **more}).data
        except APIError as error:
            self.error = error

    @property
    def id(self) -> str:
        assert self.error is None, self.error
        assert self.answer is not None
        return self.answer.call_control_id


def events(received: list[Received]) -> list[str]:
    return [seen.message["data"]["event_type"] for seen in received]


def until_hangup(receiver: Receiver, token: str) -> list[Received]:
    return receiver.wait_until(token, lambda seen: "call.hangup" in events(seen))


def payload(received: Received) -> dict[str, Any]:
    found: dict[str, Any] = received.message["data"]["payload"]
    return found


def test_a_call_is_placed_and_reported_to_its_end(
    client: Telnyx, receiver: Receiver, simulator: RunningSimulator
) -> None:
    placed = Placed(client, receiver, lives.ANSWERS, stream_url="wss://assistant.example/talk",
                    custom_headers=[{"name": "X-Contact", "value": "cont_1"}])  # fmt: skip
    assert placed.answer is not None
    assert placed.answer.is_alive is False, "dialing has only begun"
    received = until_hangup(receiver, placed.token)
    assert events(received) == ["call.initiated", "call.answered", "call.hangup"]
    assert {payload(seen)["call_control_id"] for seen in received} == {placed.id}
    assert {base64.b64decode(payload(seen)["client_state"]).decode() for seen in received} == {placed.token}
    assert len({seen.message["data"]["id"] for seen in received}) == 3
    end = payload(received[-1])
    assert (end["hangup_cause"], end["sip_hangup_cause"]) == ("normal_clearing", "200")
    shown = client.calls.retrieve_status(placed.id).data
    assert shown is not None
    assert (shown.is_alive, shown.end_time is not None) == (False, True)
    written = simulator.recorded(placed.token)
    assert (written.call_id, written.account, written.disposition) == (placed.id, CONNECTION, "completed")
    assert (written.connected_to, written.parameters) == ("wss://assistant.example/talk", {"X-Contact": "cont_1"})


def test_an_assistant_of_telnyx_takes_over_at_the_answer(
    client: Telnyx, receiver: Receiver, simulator: RunningSimulator
) -> None:
    assistant = {"id": "assistant-1", "dynamic_variables": {"contactId": "cont_1"}}
    placed = Placed(client, receiver, lives.ANSWERS, assistant=assistant)
    until_hangup(receiver, placed.token)
    written = simulator.recorded(placed.token)
    assert (written.connected_to, written.parameters) == ("assistant-1", {"contactId": "cont_1"})


def test_a_call_that_talks_is_connected_by_a_command(
    client: Telnyx, receiver: Receiver, simulator: RunningSimulator
) -> None:
    placed = Placed(client, receiver, lives.TALKS_LONG)
    receiver.wait_until(placed.token, lambda seen: "call.answered" in events(seen))
    assert simulator.recorded(placed.token).connected_to is None
    client.calls.actions.start_streaming(placed.id, stream_url="wss://assistant.example/late")
    assert simulator.recorded(placed.token).connected_to == "wss://assistant.example/late"
    client.calls.actions.hangup(placed.id)
    assert payload(until_hangup(receiver, placed.token)[-1])["hangup_cause"] == "normal_clearing"
    with pytest.raises(APIStatusError) as over:
        client.calls.actions.hangup(placed.id)
    assert (over.value.status_code, codes(over.value)) == (422, ["90018"])


def codes(error: APIError) -> list[str]:
    body = error.body
    assert isinstance(body, dict)
    return [fault["code"] for fault in body["errors"]]


def test_telnyxs_own_verification_takes_every_callback_and_none_that_was_touched(
    tmp_path: Path, receiver: Receiver
) -> None:
    key_file = tmp_path / "telnyx.key"
    running = RunningSimulator(tmp_path, SCRIPT, "--public-key-file", str(key_file))
    key = key_file.read_text().strip()
    with a_client(running) as client:
        placed = Placed(client, receiver, lives.MACHINE, answering_machine_detection="detect")
        for seen in until_hangup(receiver, placed.token):
            event = client.webhooks.unwrap(seen.body.decode(), headers=seen.headers, key=key)
            assert type(event).__name__.startswith("Call"), "the SDK knows an event of this kind"
            with pytest.raises((ValueError, WebhookVerificationError), match="does not match"):
                client.webhooks.unwrap(seen.body.decode() + " ", headers=seen.headers, key=key)
    running.stop()
    again = RunningSimulator(tmp_path, SCRIPT, "--public-key-file", str(key_file))
    assert key_file.read_text().strip() == key, "the key is the same after a restart"
    again.stop()


@pytest.mark.parametrize(
    ("number", "detection", "event", "result"),
    [
        (lives.ANSWERS, "detect", "call.machine.detection.ended", "human"),
        (lives.MACHINE, "detect", "call.machine.detection.ended", "machine"),
        (lives.FAX, "premium", "call.machine.premium.detection.ended", "fax_detected"),
    ],
)
def test_a_verdict_is_an_event(
    client: Telnyx, receiver: Receiver, number: str, detection: str, event: str, result: str
) -> None:
    placed = Placed(client, receiver, number, answering_machine_detection=detection)
    received = until_hangup(receiver, placed.token)
    assert [payload(seen)["result"] for seen in received if seen.message["data"]["event_type"] == event] == [result]


def test_without_detection_nobody_learns_who_answered(client: Telnyx, receiver: Receiver) -> None:
    placed = Placed(client, receiver, lives.MACHINE)
    assert events(until_hangup(receiver, placed.token)) == ["call.initiated", "call.answered", "call.hangup"]


@pytest.mark.parametrize(
    ("number", "cause", "sip"),
    [(lives.BUSY, "user_busy", "486"), (lives.DECLINES, "call_rejected", "607"), (lives.NOWHERE, "not_found", "404"),
     (lives.RINGS, "timeout", "480"), (BROKEN, "unspecified", "503")],
)  # fmt: skip
def test_an_end_without_answer_has_its_cause_and_sip_code(
    client: Telnyx, receiver: Receiver, number: str, cause: str, sip: str
) -> None:
    placed = Placed(client, receiver, number, timeout_secs=5)
    end = payload(until_hangup(receiver, placed.token)[-1])
    assert (end["hangup_cause"], end["sip_hangup_cause"]) == (cause, sip)


@pytest.mark.parametrize("number", REFUSED)
def test_a_refusal_has_telnyxs_status_code_and_field(client: Telnyx, receiver: Receiver, number: str) -> None:
    _, status, code, pointer = REFUSED[number]
    placed = Placed(client, receiver, number)
    assert isinstance(placed.error, APIStatusError)
    assert placed.error.status_code == status
    body = placed.error.body
    assert isinstance(body, dict)
    faults = [(fault["code"], fault.get("source", {}).get("pointer")) for fault in body["errors"]]
    assert faults == ([(code, pointer)] if code else [])
    if number in DETAILS:
        assert body["errors"][0]["detail"] == DETAILS[number]


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [("to", "12", "/to"), ("from_", "12", "/from"), ("connection_id", "", "/connection_id"),
     ("timeout_secs", 1, "/timeout_secs"), ("webhook_url", "x", "/webhook_url")],
)  # fmt: skip
def test_a_malformed_request_names_the_field(
    client: Telnyx, receiver: Receiver, field: str, value: object, pointer: str
) -> None:
    placed = Placed(client, receiver, lives.ANSWERS, **{field: value})
    assert isinstance(placed.error, APIStatusError)
    assert placed.error.status_code == 422
    assert json.loads(placed.error.response.text)["errors"][0]["source"]["pointer"] == pointer


def test_a_wrong_key_is_refused(simulator: RunningSimulator, receiver: Receiver) -> None:
    with a_client(simulator, "wrong") as client:
        placed = Placed(client, receiver, lives.ANSWERS)
    assert isinstance(placed.error, APIStatusError)
    assert (placed.error.status_code, codes(placed.error)) == (401, ["10009"])


@pytest.mark.parametrize("number", [lives.PLACED_500, lives.RESET, lives.HANGS, lives.NO_ID])
def test_a_call_whose_answer_is_lost_is_reported_by_its_token(
    client: Telnyx, receiver: Receiver, simulator: RunningSimulator, number: str
) -> None:
    placed = Placed(client, receiver, number)
    assert placed.error is not None or not getattr(placed.answer, "call_control_id", None)
    received = until_hangup(receiver, placed.token)
    assert payload(received[0])["call_control_id"] == simulator.recorded(placed.token).call_id


def test_a_5xx_may_have_placed_nothing(client: Telnyx, receiver: Receiver, simulator: RunningSimulator) -> None:
    placed = Placed(client, receiver, NOT_PLACED)
    assert isinstance(placed.error, APIStatusError)
    assert placed.error.status_code == 503
    assert placed.token not in {call.token for call in simulator.ledger().placed}


def test_a_hangup_cancels_a_call_that_waits(client: Telnyx, receiver: Receiver, simulator: RunningSimulator) -> None:
    placed = Placed(client, receiver, lives.QUEUED)
    client.calls.actions.hangup(placed.id)
    end = payload(until_hangup(receiver, placed.token)[-1])
    assert (end["hangup_cause"], end["hangup_source"]) == ("originator_cancel", "caller")
    assert simulator.recorded(placed.token).disposition == "canceled"


def test_of_a_call_nobody_placed_nothing_is_known(client: Telnyx) -> None:
    with pytest.raises(APIStatusError) as unknown:
        client.calls.retrieve_status("v3:nobody")
    assert (unknown.value.status_code, codes(unknown.value)) == (404, ["10005"])


def test_callbacks_come_doubled_reversed_or_not_at_all(
    client: Telnyx, receiver: Receiver, simulator: RunningSimulator
) -> None:
    doubled, reverse, lost = (
        Placed(client, receiver, number) for number in (lives.DOUBLED, lives.REVERSED, lives.LOST)
    )
    twice = receiver.wait_for(doubled.token, 4)
    assert events(twice) == ["call.initiated", "call.initiated", "call.hangup", "call.hangup"]
    assert len({seen.message["data"]["id"] for seen in twice}) == 2
    assert events(receiver.wait_for(reverse.token, 3)) == ["call.hangup", "call.answered", "call.initiated"]
    assert receiver.about(lost.token) == []
    assert simulator.recorded(lost.token).callback_url.endswith(lost.token)


def test_more_calls_at_once_than_its_channels_are_refused_until_one_ends(tmp_path: Path, receiver: Receiver) -> None:
    terms = ["--channels", "2", "--calls-to", "+1", "--trial", f"{lives.QUEUED},+4930"]
    running = RunningSimulator(tmp_path, SCRIPT, *terms)
    with a_client(running) as client:
        first, _, third = (Placed(client, receiver, lives.QUEUED) for _ in range(3))
        elsewhere = Placed(client, receiver, lives.QUEUED, connection_id="2")
        assert [elsewhere.error, *(codes(placed.error) for placed in (third,) if placed.error)] == [None, ["90010"]]
        client.calls.actions.hangup(first.id)
        assert Placed(client, receiver, lives.QUEUED).error is None
        barred: list[Any] = [Placed(client, receiver, number).error for number in (lives.BUSY, "+4930")]
    assert [error.body["errors"][0]["detail"].split()[-1] for error in barred] == ["D60", "D13"]
    assert running.ledger().peak_concurrent() == 3
    running.stop()


def test_more_calls_than_its_rate_are_refused_with_a_pause(tmp_path: Path, receiver: Receiver) -> None:
    running = RunningSimulator(tmp_path, SCRIPT, "--calls-per-second", "0.01")
    with a_client(running) as client:
        first, second = (Placed(client, receiver, lives.BUSY) for _ in range(2))
    assert first.error is None
    assert isinstance(second.error, APIStatusError)
    assert (second.error.status_code, codes(second.error)) == (429, ["10011"])
    assert 90 < float(second.error.response.headers["Retry-After"]) <= 100
    assert [refused.token for refused in running.ledger().not_placed] == [second.token]
    running.stop()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"\xff", b'{"to":1}', b"[" * 5000]
    + [
        f'{{"connection_id":"c","to":"{lives.BUSY}","from":"{FROM}",{odd}}}'.encode()
        for odd in ('"webhook_url":5', '"timeout_secs":true', '"time_limit_secs":"1"')
    ],
)
def test_nonsense_is_refused_and_answered(simulator: RunningSimulator, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    with httpx2.Client() as client:
        answer = client.post(f"{simulator.url}/v2/calls", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "odd",
    ['"webhook_url":null', '"assistant":{"id":"a","dynamic_variables":[1]}', '"custom_headers":[1,{}]',
     '"answering_machine_detection":null', '"client_state":{}'],
)  # fmt: skip
def test_what_is_odd_and_not_wrong_is_placed(simulator: RunningSimulator, odd: str) -> None:
    body = f'{{"connection_id":"c","to":"{lives.BUSY}","from":"{FROM}",{odd}}}'
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    with httpx2.Client() as client:
        answer = client.post(f"{simulator.url}/v2/calls", content=body.encode(), headers=headers)
    assert answer.status_code == 200
