"""Every carrier keeps the one contract: what each answer, and each missing one, is taken for; what a callback says.

First against a server that does as it is scripted, which can be as nasty as the network; then, for carriers that have a
server to call through, against that: give it a place in ``SERVICES`` and the same calls are lived through it.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.carriers.peer import RESET, SILENCE, Peer, Reply
from tests.carriers.receiver import Received, Receiver
from tests.carriers.rigs import ACCOUNT, CONNECTION, RIGS, Rig
from tests.carriers.running import SECRET as SIMULATOR_SECRET
from tests.carriers.running import RunningSimulator, a_call_request
from worker.carriers.base import (
    Accepted,
    Action,
    Ambiguous,
    BadEvent,
    BadSignature,
    CallEvent,
    CallRequest,
    CannotTell,
    CarrierCall,
    Greeting,
    NotSent,
    Rejected,
    Verdict,
)
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.domain.assistant import Assistant
from worker.domain.model import CallState, Disposition, EventKind

TO, FROM = "+12025550123", "+12025550000"
NEWS = ("ringing", "answered", "machine", "busy", "completed")


@pytest.fixture(params=RIGS, ids=lambda rig: rig.name)
def rig(request: pytest.FixtureRequest) -> Rig:
    return request.param


@pytest.fixture
def carrier(rig: Rig, peer: Peer) -> Iterator[Any]:
    carrier = rig.make(peer.url)
    yield carrier
    carrier.close()


def call_request(**changes: Any) -> CallRequest:
    streams = Assistant(stream_url="wss://voice.example.com/stream")
    known = {"assistant": streams, "answer_url": "https://dialer.example.com/answer", "dialed_at": datetime.now(UTC)}
    return a_call_request(TO, lambda token: f"https://dialer.example.com/events/{token}", **{**known, **changes})


# ---------------------------------------------------------------------------------------------- placing a call


def test_a_call_is_placed_with_one_request_and_has_the_carriers_id(rig: Rig, carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(201, rig.accepted))
    assert carrier.place(call_request()) == Accepted(rig.call_id, 0)
    (asked,) = peer.asked
    assert asked.method == "POST"


def test_the_request_says_how_long_it_may_ring_and_talk(carrier: Any, peer: Peer) -> None:
    """So that the call has an end even if no news of it ever comes."""
    peer.replies(Reply(500))
    carrier.place(call_request(ring_seconds=37, longest_call_seconds=1234))
    (asked,) = peer.asked
    is_json = asked.headers["Content-Type"] == "application/json"
    fields = asked.json.values() if is_json else itertools.chain.from_iterable(asked.form.values())
    assert {"37", "1234"} <= set(map(str, fields))


@pytest.mark.parametrize(
    "reply",
    [Reply(500), Reply(502, b"<html>"), Reply(503), Reply(504), RESET, Reply(200, b"not JSON"), Reply(200, []),
     Reply(302, {}, {"Location": "/elsewhere"}), Reply(201, b"", {"Content-Length": "40", "Connection": "close"})],
)  # fmt: skip
def test_an_answer_that_proves_nothing_leaves_a_doubt_and_is_not_asked_for_again(
    carrier: Any, peer: Peer, reply: Reply
) -> None:
    peer.replies(reply, reply, reply)
    assert isinstance(carrier.place(call_request()), Ambiguous)
    assert len(peer.asked) == 1


def test_an_answer_that_does_not_come_leaves_a_doubt_and_is_not_asked_for_again(rig: Rig, peer: Peer) -> None:
    impatient = rig.make(peer.url, read_seconds=0.2)
    peer.replies(SILENCE, SILENCE)
    assert isinstance(impatient.place(call_request()), Ambiguous)
    assert len(peer.asked) == 1
    impatient.close()


def test_a_good_answer_that_names_no_call_leaves_a_doubt(rig: Rig, carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(201, rig.no_id))
    assert carrier.place(call_request()) == Ambiguous("no_id")


@pytest.mark.parametrize("about", ["credentials", "to", "from", "nonsense"])
def test_a_refusal_is_definite_and_has_its_action(rig: Rig, carrier: Any, peer: Peer, about: str) -> None:
    reply, action = rig.refusals[about]
    peer.replies(reply)
    outcome = carrier.place(call_request())
    assert isinstance(outcome, Rejected)
    assert outcome.action is action
    assert len(peer.asked) == 1


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", None), ("-1", None), ("nan", None)])
def test_too_many_requests_means_a_pause_as_long_as_the_carrier_says(
    rig: Rig, carrier: Any, peer: Peer, header: str, seconds: float | None
) -> None:
    peer.replies(Reply(429, rig.too_many, {"Retry-After": header}))
    outcome = carrier.place(call_request())
    assert isinstance(outcome, Rejected)
    assert (outcome.action, outcome.retry_after_seconds) == (Action.BACK_OFF, seconds)


def test_a_refusal_that_is_unknown_is_a_technical_failure(carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(418))
    assert carrier.place(call_request()) == Rejected("http_418", Action.FAILED)


def test_nothing_was_sent_where_nobody_listens(rig: Rig) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        carrier = rig.make(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        outcome = carrier.place(call_request())
        assert isinstance(outcome, NotSent)
        assert outcome.connection
        assert isinstance(carrier.find(call_request()), CannotTell)
        assert isinstance(carrier.get(call_request(), rig.call_id), CannotTell)
        assert carrier.end(call_request(), rig.call_id) is not None
        carrier.close()


def test_a_request_whose_moment_has_passed_does_not_leave(carrier: Any, peer: Peer) -> None:
    peer.replies()
    late = call_request(leave_by=time.monotonic() - 0.001)
    assert carrier.place(late) == NotSent("the send fence had passed", connection=False)
    assert peer.asked == []


@pytest.mark.parametrize("reply", [Reply(500), RESET, Reply(200, b"x"), Reply(418)])
def test_no_number_is_in_what_is_said_about_a_request(rig: Rig, carrier: Any, peer: Peer, reply: Reply) -> None:
    peer.replies(*[reply] * 4)
    said = repr([carrier.place(call_request()), carrier.find(call_request()), carrier.get(call_request(), rig.call_id)])
    assert TO[1:] not in said
    assert FROM[1:] not in said


# ---------------------------------------------------------------------------------------------- asking about a call


def test_a_live_call_is_shown_alive_and_an_ended_one_over(rig: Rig, carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(200, rig.shown("in-progress")), Reply(200, rig.shown("busy")))
    alive, over = carrier.get(call_request(), rig.call_id), carrier.get(call_request(), rig.call_id)
    assert isinstance(alive, CarrierCall)
    assert alive.disposition is None
    assert isinstance(over, CarrierCall)
    assert (over.state, over.disposition is None) == (CallState.ENDED, False)


def test_a_call_the_carrier_does_not_know_is_none(rig: Rig, carrier: Any, peer: Peer) -> None:
    peer.replies(rig.unknown_call)
    assert carrier.get(call_request(), rig.call_id) is None


@pytest.mark.parametrize("reply", [Reply(500), Reply(404, b"<html>"), Reply(200, b"x"), Reply(200, {}), RESET])
def test_an_answer_that_cannot_be_read_says_nothing_about_a_call(
    rig: Rig, carrier: Any, peer: Peer, reply: Reply
) -> None:
    peer.replies(reply, reply)
    assert isinstance(carrier.get(call_request(), rig.call_id), CannotTell)
    assert isinstance(carrier.find(call_request()), CannotTell)


def test_an_id_from_outside_stays_one_part_of_the_address(carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(500), Reply(500))
    carrier.get(call_request(), "../../x?y=1#z")
    carrier.end(call_request(), "../../x?y=1#z")
    assert all("..%2F..%2Fx%3Fy%3D1%23z" in asked.target for asked in peer.asked)
    assert len(peer.asked) == 2


def test_a_carrier_that_keeps_no_list_is_never_taken_for_a_miss(rig: Rig, carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(200, {"calls": []}))
    found = carrier.find(call_request())
    assert found == () if rig.lists else isinstance(found, CannotTell)


def test_an_end_that_the_carrier_takes_is_true(rig: Rig, carrier: Any, peer: Peer) -> None:
    peer.replies(Reply(200, rig.shown("ringing")), Reply(200, rig.shown("ringing")))
    assert carrier.end(call_request(), rig.call_id) is None
    for refused in (Reply(503), Reply(400), Reply(403), RESET):
        peer.replies(refused)
        assert carrier.end(call_request(), rig.call_id) is not None


def test_a_call_that_the_carrier_no_longer_knows_is_over_and_is_asked_about_once(
    rig: Rig, carrier: Any, peer: Peer
) -> None:
    for unknown in (rig.unknown_call, Reply(404)):
        peer.replies(unknown)
        assert carrier.end(call_request(), rig.call_id) is None
        assert len(peer.asked) == 1


# ---------------------------------------------------------------------------------------------- what a callback says


def parsed(rig: Rig, carrier: Any, event: str, token: str = "a" * 32, **how: Any) -> CallEvent:
    callback = rig.reports(event, token, **how)
    read = carrier.parse(callback.token, callback.url, callback.headers, callback.body)
    assert isinstance(read, CallEvent)
    return read


def test_each_callback_has_its_kind_and_an_id_of_its_own(rig: Rig, carrier: Any) -> None:
    events = {event: parsed(rig, carrier, event) for event in NEWS}
    assert [events[event].kind for event in NEWS] == [
        EventKind.RINGING,
        EventKind.ANSWERED,
        EventKind.MACHINE,
        EventKind.ENDED,
        EventKind.ENDED,
    ]
    assert {event.carrier_call_id for event in events.values()} == {rig.call_id}
    assert len({events[event].event_id for event in NEWS[:4]}) == 4
    assert events["machine"].verdict is Verdict.MACHINE
    assert (events["busy"].disposition, events["busy"].sip_code) == (Disposition.BUSY, 486)
    assert events["completed"].disposition is Disposition.ANSWERED


def test_the_same_callback_twice_is_one_event(rig: Rig, carrier: Any) -> None:
    assert parsed(rig, carrier, "busy").event_id == parsed(rig, carrier, "busy").event_id
    other = parsed(rig, carrier, "busy", call="another")
    assert other.event_id != parsed(rig, carrier, "busy").event_id


def test_headers_are_found_however_they_are_written(rig: Rig, carrier: Any) -> None:
    callback = rig.reports("ringing", "a" * 32)
    for write in (str.lower, str.upper, str.title):
        headers = {write(name): value for name, value in callback.headers.items()}
        assert carrier.parse(callback.token, callback.url, headers, callback.body) is not None


def test_a_callback_signed_by_somebody_else_is_refused(rig: Rig, carrier: Any) -> None:
    callback = rig.reports("ringing", "a" * 32, secret="another")
    with pytest.raises(BadSignature):
        carrier.parse(callback.token, callback.url, callback.headers, callback.body)


@pytest.mark.parametrize("value", ["", "x", "é", "AAAA", "=" * 100, "\udcff"])
def test_a_callback_without_a_good_signature_is_refused(rig: Rig, carrier: Any, value: str) -> None:
    callback = rig.reports("ringing", "a" * 32)
    for name in callback.headers:
        with pytest.raises(BadSignature):
            carrier.parse(callback.token, callback.url, {**callback.headers, name: value}, callback.body)
    with pytest.raises(BadSignature):
        carrier.parse(callback.token, callback.url, {}, callback.body)


def test_a_tampered_callback_is_refused(rig: Rig, carrier: Any) -> None:
    callback = rig.reports("ringing", "a" * 32)
    with pytest.raises(BadSignature):
        carrier.parse(callback.token, callback.url, callback.headers, callback.body + b"&x=1")


def test_a_callback_about_another_call_than_its_address_is_refused(rig: Rig, carrier: Any) -> None:
    """Whoever has seen one callback could otherwise end any call with it."""
    callback, other = rig.reports("busy", "a" * 32), rig.reports("busy", "b" * 32)
    with pytest.raises((BadSignature, BadEvent)):
        carrier.parse(other.token, other.url, callback.headers, callback.body)


# ---------------------------------------------------------------------------------------------- a life, for real


@dataclass
class Service:
    """A carrier's server that lives through calls, and how to speak to it."""

    carrier: Any
    receiver: Receiver
    stop: Callable[[], object]
    answer_url: str = ""

    def call_request(self, number: str) -> CallRequest:
        streams = Assistant(stream_url="wss://voice.example.com/stream")
        placed = a_call_request(number, self.receiver.callback_url, assistant=streams, answer_url=self.answer_url)
        return replace(placed, ring_seconds=5, dialed_at=datetime.now(UTC))

    def life_of(self, placed: CallRequest) -> list[CallEvent]:
        """What is posted about the call until it is over, read by the adapter."""

        def read(received: list[Received]) -> list[CallEvent]:
            parse, url = self.carrier.parse, placed.callback_url
            events = [parse(seen.token, url, seen.headers, seen.body) for seen in received]
            return [event for event in events if event is not None]

        return read(
            self.receiver.wait_until(placed.token, lambda seen: any(e.kind is EventKind.ENDED for e in read(seen)))
        )


LIVES = {
    "+12025550101": ({"ring": 1, "end": "busy"}, Disposition.BUSY),
    "+12025550102": ({"ring": 60}, Disposition.NO_ANSWER),
    "+12025550103": ({"ring": 0, "end": "failed", "sip": 404}, Disposition.INVALID_NUMBER),
    "+12025550104": ({"ring": 1, "talk": 1}, Disposition.ANSWERED),
}


OTHERS = {
    "+12025550105": {"ring": 1, "talk": 600},
    "+12025550106": {"ring": 1, "talk": 1, "place": "then_500"},
    "+12025550107": {"ring": 1, "talk": 1, "place": "then_reset"},
    "+12025550108": {"ring": 1, "talk": 1, "place": "then_no_id"},
}
REFUSED = {
    "+12025550111": ({"reject": "too_many_requests", "retry_after": 7}, Action.BACK_OFF),
    "+12025550112": ({"reject": "unauthorized"}, Action.STOP_ACCOUNT),
    "+12025550113": ({"reject": "account_suspended"}, Action.STOP_ACCOUNT),
    "+12025550114": ({"reject": "invalid_number"}, Action.INVALID_NUMBER),
    "+12025550115": ({"reject": "caller_id_not_allowed"}, Action.RETIRE_NUMBER),
    "+12025550116": ({"reject": "malformed"}, Action.MALFORMED),
    "+12025550117": ({"reject": "no_route"}, Action.FAILED),
    "+12025550118": ({"reject": "no_channel"}, Action.CHANNELS),
    "+12025550119": ({"reject": "unverified_number"}, Action.BLOCKED),
    "+12025550120": ({"reject": "country_not_allowed"}, Action.BLOCKED),
    "+12025550121": ({"reject": "blocked_number"}, Action.BLOCKED),
}


def a_simulator(folder: Path, *options: str) -> RunningSimulator:
    lives = {number: life for number, (life, _) in [*LIVES.items(), *REFUSED.items()]}
    return RunningSimulator(folder, {**lives, **OTHERS}, *options)


def our_own(folder: Path) -> Service:
    running = a_simulator(folder)
    return Service(running.carrier(), Receiver().start(), running.stop)


def twilios_protocol(folder: Path) -> Service:
    running, receiver = a_simulator(folder), Receiver().start()
    carrier = TwilioCarrier(running.url, ACCOUNT, [SIMULATOR_SECRET])
    greeting = Greeting(Assistant(stream_url="wss://voice.example.com/stream"), "call_1", "camp_1", "cont_1")
    receiver.status = lambda received: 200
    receiver.answer = lambda received: carrier.instruct(greeting).encode()
    return Service(carrier, receiver, running.stop, f"{receiver.url}/answer")


def telnyxs_protocol(folder: Path) -> Service:
    key_path = folder / "telnyx.key"
    running = a_simulator(folder, "--public-key-file", str(key_path))
    carrier = TelnyxCarrier(running.url, SIMULATOR_SECRET, key_path.read_text().strip(), CONNECTION)
    return Service(carrier, Receiver().start(), running.stop)


SERVICES: dict[str, Callable[[Path], Service]] = {
    "simulator": our_own,
    "twilio": twilios_protocol,
    "telnyx": telnyxs_protocol,
}
"""Servers that speak for a carrier, by the carrier's name."""


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = SERVICES[request.param](tmp_path_factory.mktemp(request.param))
    yield made
    made.carrier.close()
    made.receiver.close()
    made.stop()


@pytest.mark.parametrize("number", LIVES)
def test_a_life_is_reported_and_ends_as_it_should(service: Service, number: str) -> None:
    placed = service.call_request(number)
    outcome = service.carrier.place(placed)
    assert isinstance(outcome, Accepted)
    events = service.life_of(placed)
    assert [event.disposition for event in events if event.kind is EventKind.ENDED] == [LIVES[number][1]]
    assert {event.carrier_call_id for event in events} == {outcome.carrier_call_id}
    seen = service.carrier.get(placed, outcome.carrier_call_id)
    assert isinstance(seen, CarrierCall)
    assert seen.state is CallState.ENDED


@pytest.mark.parametrize("number", ["+12025550102", "+12025550105"], ids=["that rings", "that talks"])
def test_a_call_that_nobody_wants_any_more_is_ended_and_over_when_it_is_ended_again(
    service: Service, number: str
) -> None:
    placed = replace(service.call_request(number), ring_seconds=30)
    outcome = service.carrier.place(placed)
    assert isinstance(outcome, Accepted)
    first = EventKind.ANSWERED if number == "+12025550105" else EventKind.RINGING
    service.receiver.wait_until(placed.token, lambda seen: first in kinds_of(service, placed, seen))
    assert service.carrier.end(placed, outcome.carrier_call_id) is None
    events = service.life_of(placed)
    ended = Disposition.ANSWERED if number == "+12025550105" else Disposition.CANCELED
    assert [event.disposition for event in events if event.kind is EventKind.ENDED] == [ended]
    assert service.carrier.end(placed, outcome.carrier_call_id) is None, "it is over"
    known = service.carrier.get(placed, outcome.carrier_call_id)
    assert isinstance(known, CarrierCall)
    assert known.state is CallState.ENDED
    assert known.disposition in (ended, Disposition.LOST)


@pytest.mark.parametrize("number", ["+12025550106", "+12025550107", "+12025550108"], ids=["5xx", "reset", "no id"])
def test_a_call_whose_answer_is_lost_is_in_doubt_and_found_by_its_token(service: Service, number: str) -> None:
    placed = service.call_request(number)
    assert isinstance(service.carrier.place(placed), Ambiguous)
    (call_id,) = {event.carrier_call_id for event in service.life_of(placed)}
    found = service.carrier.find(placed)
    assert isinstance(found, CannotTell) or [call.carrier_call_id for call in found] == [call_id]


@pytest.mark.parametrize("number", REFUSED)
def test_a_refusal_is_taken_for_the_same_thing_whoever_speaks(service: Service, number: str) -> None:
    written: Any
    written, action = REFUSED[number]
    outcome = service.carrier.place(service.call_request(number))
    assert isinstance(outcome, Rejected)
    assert outcome.action is action
    assert outcome.retry_after_seconds == written.get("retry_after")


def kinds_of(service: Service, placed: CallRequest, received: list[Received]) -> set[EventKind]:
    events = [service.carrier.parse(seen.token, placed.callback_url, seen.headers, seen.body) for seen in received]
    return {event.kind for event in events if event is not None}
