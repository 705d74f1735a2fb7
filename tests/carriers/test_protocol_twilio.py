"""Twilio's protocol in the simulator, used by Twilio's own SDK and judged by its own validator."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from requests import RequestException
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance

from tests.carriers import lives
from tests.carriers.receiver import Received, Receiver
from tests.carriers.running import SECRET, RunningSimulator

SID = "AC00000000000000000000000000000001"
FROM = "+12025550000"
NOT_PLACED, LATE_VERDICT = "+12025550118", "+12025550119"
REFUSED = {
    "+12025550130": ("429:20429", 429, 20429),
    "+12025550131": ("401:20003", 401, 20003),
    "+12025550132": ("400:21211", 400, 21211),
    "+12025550133": ("invalid_number", 400, 21211),
    "+12025550134": ("too_many_requests", 429, 20429),
    "+12025550135": ("unauthorized", 401, 20003),
    "+12025550137": ("unverified_number", 400, 21219),
    "+12025550138": ("no_channel", 400, 10004),
    "+12025550139": ("country_not_allowed", 400, 21215),
    "+12025550136": (403, 403, 403),  # the SDK repeats the status where there is no code
}
MESSAGES = {
    "+12025550137": "The number +12025550137 is unverified. Trial accounts may only make calls to verified numbers.",
    "+12025550138": "Call concurrency limit exceeded",
    "+12025550139": "Account not authorized to call +12025550139.",
}
SCRIPT: dict[str, Any] = {
    **lives.LIVES,
    NOT_PLACED: {"refuse": "503:20503"},
    LATE_VERDICT: {"ring": 1, "talk": 1, "machine": "late"},
    **{number: {"reject": written} for number, (written, _, _) in REFUSED.items()},
}
CONNECT = b"""<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://assistant.example/talk">
<Parameter name="contactId" value="cont_1"/><Parameter name="campaignId" value="camp_1"/></Stream></Connect></Response>
"""
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture(scope="module")
def client(simulator: RunningSimulator) -> Client:
    """Twilio's, led to this machine, and patient for a second."""
    return a_client(simulator)


def a_client(simulator: RunningSimulator, token: str = SECRET) -> Client:
    client = Client(SID, token, http_client=TwilioHttpClient(timeout=1.0, max_retries=0))
    client.api.base_url = simulator.url
    return client


@pytest.fixture(autouse=True)
def answering(receiver: Receiver) -> Iterator[None]:
    receiver.status = lambda received: 200
    receiver.answer = lambda received: CONNECT
    yield
    receiver.answer = lambda received: b""


class Placed:
    """One call placed by the SDK, with the token its callbacks come to."""

    def __init__(self, client: Client, receiver: Receiver, number: str, **more: Any) -> None:
        self.token = secrets.token_hex(16)
        self.error: Exception | None = None
        self.call: CallInstance | None = None
        values: dict[str, Any] = {
            "to": number,
            "from_": FROM,
            "url": f"{receiver.url}/carriers/twilio/answer/{self.token}-answer",
            "status_callback": f"{receiver.url}/carriers/twilio/events/{self.token}#rc=5&rp=all",
            "status_callback_event": ALL_EVENTS,
            "timeout": 30,
            "time_limit": 600,
        }
        try:
            self.call = client.calls.create(**{**values, **more})
        except (TwilioRestException, RequestException) as error:
            self.error = error

    @property
    def sid(self) -> str:
        assert self.call is not None, self.error
        assert self.call.sid is not None
        return self.call.sid


def until_completed(receiver: Receiver, token: str) -> list[Received]:
    return receiver.wait_until(token, lambda seen: any("CallDuration" in one.form for one in seen))


def statuses(received: list[Received]) -> list[str]:
    return [seen.form["CallStatus"] for seen in received]


def test_a_call_is_placed_looked_up_and_reported_to_its_end(
    client: Client, receiver: Receiver, simulator: RunningSimulator
) -> None:
    placed = Placed(client, receiver, lives.ANSWERS)
    assert placed.call is not None, placed.error
    assert (placed.call.status, placed.call.to, placed.call._from) == ("queued", lives.ANSWERS, FROM)
    assert placed.sid.startswith("CA")
    received = until_completed(receiver, placed.token)
    assert statuses(received) == ["initiated", "ringing", "in-progress", "completed"]
    assert [seen.form["SequenceNumber"] for seen in received] == ["0", "1", "2", "3"]
    assert {seen.form["CallSid"] for seen in received} == {placed.sid}
    assert (received[-1].form["SipResponseCode"], "AnsweredBy" in received[-1].form) == ("200", False)
    fetched = client.calls(placed.sid).fetch()
    assert (fetched.status, fetched.direction, fetched.answered_by) == ("completed", "outbound-api", None)
    assert fetched.date_created is not None
    assert fetched.date_created.tzinfo is not None
    written = simulator.recorded(placed.token)
    assert (written.call_id, written.account, written.disposition) == (placed.sid, SID, "completed")
    assert written.connected_to == "wss://assistant.example/talk"
    assert written.parameters == {"contactId": "cont_1", "campaignId": "camp_1"}


def test_twilios_own_validator_takes_every_callback_and_none_that_was_touched(
    client: Client, receiver: Receiver
) -> None:
    verdicts = secrets.token_hex(16)
    address = f"{receiver.url}/carriers/twilio/events/{verdicts}"
    detecting = {"machine_detection": "Enable", "async_amd": "true", "async_amd_status_callback": address}
    placed = Placed(client, receiver, lives.MACHINE, **detecting)
    received = until_completed(receiver, placed.token) + receiver.wait_for(verdicts, 1)
    question = receiver.wait_for(f"{placed.token}-answer", 1)
    validator = RequestValidator(SECRET)
    for seen in [*received, *question]:
        headers = {name.lower(): value for name, value in seen.headers.items()}
        signature = headers["x-twilio-signature"]
        assert validator.validate(seen.url, seen.form, signature)
        assert not validator.validate(seen.url, {**seen.form, "CallStatus": "touched"}, signature)
        assert not RequestValidator("another token").validate(seen.url, seen.form, signature)


def test_twiml_that_hangs_up_ends_the_call_and_the_callee_is_connected_to_nobody(
    client: Client, receiver: Receiver, simulator: RunningSimulator
) -> None:
    receiver.answer = lambda received: b"<Response><Hangup/></Response>"
    placed = Placed(client, receiver, lives.TALKS_LONG)
    assert statuses(until_completed(receiver, placed.token))[-1] == "completed"
    written = simulator.recorded(placed.token)
    assert (written.connected_to, written.disposition) == (None, "completed")
    assert written.end_requested_at is not None


@pytest.mark.parametrize("answer", [b"", b"no xml", b"<Response/>"], ids=["empty", "no xml", "no verb"])
def test_no_twiml_ends_the_call(client: Client, receiver: Receiver, answer: bytes) -> None:
    receiver.answer = lambda received: answer
    placed = Placed(client, receiver, lives.TALKS_LONG)
    assert statuses(until_completed(receiver, placed.token))[-1] == "completed"


def test_a_redirect_goes_on_elsewhere_and_is_not_followed(
    client: Client, receiver: Receiver, simulator: RunningSimulator
) -> None:
    receiver.answer = lambda received: b"<Response><Redirect>https://assistant.example/twiml</Redirect></Response>"
    placed = Placed(client, receiver, lives.ANSWERS)
    until_completed(receiver, placed.token)
    assert simulator.recorded(placed.token).connected_to == "https://assistant.example/twiml"


@pytest.mark.parametrize(
    ("number", "detection", "word"),
    [
        (lives.ANSWERS, "Enable", "human"),
        (lives.MACHINE, "Enable", "machine_start"),
        (lives.MACHINE, "DetectMessageEnd", "machine_end_beep"),
        (lives.FAX, "Enable", "fax"),
        (LATE_VERDICT, "Enable", "machine_start"),
    ],
)
def test_a_verdict_comes_to_an_address_of_its_own(
    client: Client, receiver: Receiver, number: str, detection: str, word: str
) -> None:
    verdicts = secrets.token_hex(16)
    Placed(client, receiver, number, machine_detection=detection, async_amd="true",
           async_amd_status_callback=f"{receiver.url}/carriers/twilio/events/{verdicts}")  # fmt: skip
    (verdict,) = receiver.wait_for(verdicts, 1)
    assert verdict.form["AnsweredBy"] == word


def test_without_detection_nobody_learns_who_answered(client: Client, receiver: Receiver) -> None:
    placed = Placed(client, receiver, lives.MACHINE)
    assert all("AnsweredBy" not in seen.form for seen in until_completed(receiver, placed.token))
    assert client.calls(placed.sid).fetch().answered_by is None


@pytest.mark.parametrize(
    ("number", "status", "sip"),
    [
        (lives.BUSY, "busy", "486"),
        (lives.DECLINES, "busy", "607"),
        (lives.NOWHERE, "failed", "404"),
        (lives.RINGS, "no-answer", "480"),
    ],
)
def test_an_end_without_answer_has_its_status_and_sip_code(
    client: Client, receiver: Receiver, number: str, status: str, sip: str
) -> None:
    placed = Placed(client, receiver, number, timeout=5)
    end = until_completed(receiver, placed.token)[-1]
    assert (end.form["CallStatus"], end.form["SipResponseCode"], end.form["CallDuration"]) == (status, sip, "0")


@pytest.mark.parametrize("number", REFUSED)
def test_a_refusal_has_twilios_status_and_code(
    client: Client, receiver: Receiver, simulator: RunningSimulator, number: str
) -> None:
    _, status, code = REFUSED[number]
    placed = Placed(client, receiver, number)
    assert isinstance(placed.error, TwilioRestException)
    assert placed.error.status == status
    assert placed.error.code == code
    assert MESSAGES.get(number, "") in placed.error.msg
    assert [refused.status for refused in simulator.ledger().not_placed if refused.token == placed.token]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("to", "12", 21211), ("from_", "12", 21212), ("url", "ftp://x", 21205), ("status_callback", "x", 21609),
     ("timeout", 0, 20001), ("time_limit", 10**6, 20001)],
)  # fmt: skip
def test_a_malformed_request_is_refused_and_no_call_is_placed(
    client: Client, receiver: Receiver, field: str, value: object, code: int
) -> None:
    placed = Placed(client, receiver, lives.ANSWERS, **{field: value})
    assert isinstance(placed.error, TwilioRestException)
    assert (placed.error.status, placed.error.code) == (400, code)


def test_a_wrong_token_is_refused(simulator: RunningSimulator, receiver: Receiver) -> None:
    placed = Placed(a_client(simulator, "wrong"), receiver, lives.ANSWERS)
    assert isinstance(placed.error, TwilioRestException)
    assert (placed.error.status, placed.error.code) == (401, 20003)


@pytest.mark.parametrize("number", [lives.PLACED_500, lives.RESET, lives.HANGS])
def test_a_call_whose_answer_is_lost_is_found_in_the_list(
    client: Client, receiver: Receiver, simulator: RunningSimulator, number: str
) -> None:
    placed = Placed(client, receiver, number)
    assert placed.error is not None
    until_completed(receiver, placed.token)
    written = simulator.recorded(placed.token)
    assert written.call_id in {call.sid for call in client.calls.list(to=number, from_=FROM)}


def test_a_5xx_may_have_placed_nothing(client: Client, receiver: Receiver, simulator: RunningSimulator) -> None:
    placed = Placed(client, receiver, NOT_PLACED)
    assert isinstance(placed.error, TwilioRestException)
    assert (placed.error.status, placed.error.code) == (503, 20503)
    assert client.calls.list(to=NOT_PLACED) == []
    assert placed.token not in {call.token for call in simulator.ledger().placed}


def test_an_answer_may_lack_the_id(client: Client, receiver: Receiver) -> None:
    placed = Placed(client, receiver, lives.NO_ID)
    assert placed.call is not None
    assert placed.call.sid is None


def test_a_list_shows_the_calls_of_one_callee_and_caller_id_newest_first(client: Client, receiver: Receiver) -> None:
    first, second = (Placed(client, receiver, lives.QUEUED) for _ in range(2))
    Placed(client, receiver, lives.QUEUED, from_="+12025550009")
    assert [call.sid for call in client.calls.list(to=lives.QUEUED, from_=FROM)][:2] == [second.sid, first.sid]
    assert client.calls.list(to=lives.QUEUED, from_=FROM, start_time_after="2020-01-01") == [], "queued: no start time"


def test_canceled_ends_what_waits_or_rings_and_completed_what_talks(
    client: Client, receiver: Receiver, simulator: RunningSimulator
) -> None:
    waits, talks = Placed(client, receiver, lives.QUEUED), Placed(client, receiver, lives.TALKS_LONG)
    receiver.wait_until(talks.token, lambda seen: "in-progress" in statuses(seen))
    assert client.calls(waits.sid).update(status="canceled").status == "canceled"
    assert client.calls(talks.sid).update(status="canceled").status == "in-progress"
    assert client.calls(talks.sid).update(status="completed").status == "completed"
    assert statuses(until_completed(receiver, waits.token)) == ["canceled"]
    with pytest.raises(TwilioRestException) as refused:
        client.calls(talks.sid).update(status="completed")
    assert refused.value.code == 21220
    assert simulator.recorded(waits.token).disposition == "canceled"


def test_callbacks_come_doubled_reversed_or_not_at_all(
    client: Client, receiver: Receiver, simulator: RunningSimulator
) -> None:
    doubled, reverse, lost = (
        Placed(client, receiver, number) for number in (lives.DOUBLED, lives.REVERSED, lives.LOST)
    )
    twice = receiver.wait_for(doubled.token, 6)
    assert statuses(twice) == ["initiated", "initiated", "ringing", "ringing", "busy", "busy"]
    assert [seen.form["SequenceNumber"] for seen in receiver.wait_for(reverse.token, 4)] == ["3", "2", "1", "0"]
    assert simulator.recorded(lost.token).disposition == "busy"
    assert receiver.about(lost.token) == []


def test_only_the_events_asked_for_are_posted(client: Client, receiver: Receiver) -> None:
    placed = Placed(client, receiver, lives.BUSY, status_callback_event=["completed"])
    assert statuses(until_completed(receiver, placed.token)) == ["busy"]


def test_a_callback_that_fails_is_gone_unless_its_address_asks_for_more(client: Client, receiver: Receiver) -> None:
    failed: set[str] = set()

    def fail_once(received: Received) -> int:
        return 200 if received.token in failed else failed.add(received.token) or 503

    receiver.status = fail_once
    patient = Placed(client, receiver, lives.BUSY)
    assert statuses(until_completed(receiver, patient.token))[:2] == ["initiated", "initiated"]
    token = secrets.token_hex(16)
    Placed(client, receiver, lives.BUSY, status_callback=f"{receiver.url}/carriers/twilio/events/{token}")
    assert statuses(until_completed(receiver, token)) == ["initiated", "ringing", "busy"]


def test_more_calls_than_its_rate_are_queued_and_none_is_refused(tmp_path: Path, receiver: Receiver) -> None:
    running = RunningSimulator(tmp_path, SCRIPT, "--calls-per-second", "0.01")
    client = a_client(running)
    first, second, third = (Placed(client, receiver, lives.BUSY) for _ in range(3))
    running_late = [float(placed.call.queue_time or 0) for placed in (first, second, third) if placed.call]
    assert running_late[0] == 0
    assert 90_000 < running_late[1] <= 100_000 < running_late[2]
    assert client.calls(third.sid).fetch().status == "queued"
    assert client.calls(third.sid).update(status="canceled").status == "canceled"
    running.stop()


def test_a_call_shows_in_lists_some_time_after_it_was_placed(tmp_path: Path, receiver: Receiver) -> None:
    running = RunningSimulator(tmp_path, SCRIPT, "--list-lag", "600")
    client = a_client(running)
    placed = Placed(client, receiver, lives.BUSY)
    assert client.calls.list(to=lives.BUSY) == []
    assert client.calls(placed.sid).fetch().sid == placed.sid
    running.stop()


def test_a_restarted_simulator_still_speaks_twilio_of_the_calls_it_had(tmp_path: Path, receiver: Receiver) -> None:
    running = RunningSimulator(tmp_path, SCRIPT)
    placed = Placed(a_client(running), receiver, lives.TALKS_LONG)
    receiver.wait_until(placed.token, lambda seen: "in-progress" in statuses(seen))
    running.kill()
    running.restart()
    assert a_client(running).calls(placed.sid).fetch().status == "failed"
    assert statuses(until_completed(receiver, placed.token))[-1] == "failed"
    running.stop()
