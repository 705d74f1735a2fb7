"""The adapter against a real simulator process: what each answer, and each missing one, is taken for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import httpx2
import pytest

from tests.carriers.receiver import Receiver
from tests.carriers.running import SECRET, RunningSimulator, a_call_request
from tests.patience import PATIENCE_SECONDS
from worker.carriers.base import (
    Accepted,
    Action,
    Ambiguous,
    CallRequest,
    CannotTell,
    CarrierCall,
    NotSent,
    Rejected,
    Verdict,
)
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.carriers.simulated.protocol import REFUSALS
from worker.domain.model import CallState, Disposition, EventKind

ANSWERED, HELD, TALKING = "+12025550001", "+12025550002", "+12025550003"
THEN_500, THEN_TIMEOUT, THEN_RESET, NO_ID = "+12025550011", "+12025550012", "+12025550013", "+12025550014"
REFUSED, BACK_OFF, QUEUED, TEAPOT = "+12025550021", "+12025550022", "+12025550023", "+12025550024"
BLOCKED = "+12025550110"

ENDINGS = {
    "+12025550101": ({"ring": 1, "end": "busy"}, Disposition.BUSY, 486),
    "+12025550102": ({"end": "no-answer"}, Disposition.NO_ANSWER, 480),
    "+12025550103": ({"ring": 1, "end": "declined"}, Disposition.REJECTED, 603),
    "+12025550104": ({"ring": 0, "end": "failed"}, Disposition.FAILED, 503),
    "+12025550105": ({"ring": 0, "end": "failed", "sip": 404}, Disposition.INVALID_NUMBER, 404),
    "+12025550106": ({"ring": 1, "talk": 1}, Disposition.ANSWERED, 200),
    "+12025550107": ({"ring": 1, "talk": 4, "machine": True}, Disposition.MACHINE, 200),
    "+12025550108": ({"ring": 1, "talk": 4, "fax": True}, Disposition.MACHINE, 200),
    "+12025550109": ({"ring": 60}, Disposition.NO_ANSWER, 480),
    BLOCKED: ({"ring": 1, "sip": "603+"}, Disposition.REJECTED, 603),
}
CODES = {f"+120255502{number:02}": code for number, code in enumerate(REFUSALS)}

SCRIPT = {
    ANSWERED: {"ring": 1, "talk": 1},
    HELD: {"place": "then_timeout", "ring": 1, "talk": 1},
    TALKING: {"ring": 0, "talk": 600},
    THEN_500: {"place": "then_500", "ring": 1, "talk": 1},
    THEN_TIMEOUT: {"place": "then_timeout", "ring": 1, "talk": 1},
    THEN_RESET: {"place": "then_reset", "ring": 1, "talk": 1},
    NO_ID: {"place": "then_no_id", "ring": 1, "talk": 1},
    REFUSED: {"refuse": "503"},
    BACK_OFF: {"reject": 429, "retry_after": 7},
    QUEUED: {"queue": 30, "ring": 20},
    TEAPOT: {"reject": 418},
    **{number: life for number, (life, _, _) in ENDINGS.items()},
    **{number: {"reject": code} for number, code in CODES.items()},
}


@pytest.fixture
def call_request(receiver: Receiver) -> Callable[..., CallRequest]:
    return lambda number, **changes: a_call_request(number, receiver.callback_url, **changes)


@contextmanager
def a_peer_that(does: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something at the address that takes one connection and is no simulator."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                does(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(PATIENCE_SECONDS)


def test_an_accepted_call_lives_in_order_and_ends(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[..., CallRequest]
) -> None:
    placed = call_request(ANSWERED)

    outcome = carrier.place(placed)

    assert isinstance(outcome, Accepted)
    events = [carrier.parse(seen.token, "", seen.headers, seen.body) for seen in receiver.wait_for_end(placed.token)]
    assert [event.kind for event in events] == [EventKind.RINGING, EventKind.ANSWERED, EventKind.ENDED]
    assert {event.carrier_call_id for event in events} == {outcome.carrier_call_id}
    assert len({event.event_id for event in events}) == 3
    times = [event.occurred_at for event in events if event.occurred_at is not None]
    assert len(times) == 3
    assert times == sorted(times)
    assert [event.disposition for event in events] == [None, None, Disposition.ANSWERED]
    ended = CarrierCall(outcome.carrier_call_id, CallState.ENDED, Disposition.ANSWERED)
    assert carrier.get(placed, outcome.carrier_call_id) == ended
    assert carrier.find(placed) == (ended,)


@pytest.mark.parametrize("number", ENDINGS)
def test_each_ending_has_its_disposition(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[..., CallRequest], number: str
) -> None:
    _, disposition, sip_code = ENDINGS[number]
    placed = call_request(number, ring_seconds=5)
    carrier.place(placed)

    *before, last = receiver.wait_for_end(placed.token)

    ended = carrier.parse(placed.token, "", last.headers, last.body)
    assert (ended.kind, ended.disposition, ended.sip_code) == (EventKind.ENDED, disposition, sip_code)
    assert ended.network_block == (number == BLOCKED)
    assert ("machine" in [seen.event for seen in before]) == (disposition is Disposition.MACHINE)


def test_a_fax_can_be_distinguished_from_a_machine(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[..., CallRequest]
) -> None:
    placed = call_request("+12025550108")
    carrier.place(placed)

    *_, verdict, end = [
        carrier.parse(seen.token, "", seen.headers, seen.body) for seen in receiver.wait_for_end(placed.token)
    ]

    assert (verdict.kind, verdict.verdict) == (EventKind.MACHINE, Verdict.FAX)
    assert (end.disposition, end.verdict) == (Disposition.MACHINE, Verdict.FAX)


def test_a_talk_is_cut_at_the_longest_call(
    simulator: RunningSimulator, carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[..., CallRequest]
) -> None:
    placed = call_request(TALKING, longest_call_seconds=4)
    carrier.place(placed)
    receiver.wait_for_end(placed.token)

    call = simulator.recorded(placed.token)
    assert call.disposition == "completed"
    assert call.ended_at is not None
    assert 0.19 < call.ended_at - call.placed_at < 10.0


def test_a_carrier_that_refuses_connections_was_sent_nothing(call_request: Callable[..., CallRequest]) -> None:
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        carrier = SimulatorCarrier(f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}", SECRET)

        outcome = carrier.place(call_request(ANSWERED))

    assert isinstance(outcome, NotSent)
    assert outcome.connection
    carrier.close()


@pytest.mark.parametrize("warm", [False, True], ids=["on a new connection", "on a kept connection"])
def test_a_request_whose_moment_has_passed_does_not_leave(
    carrier: SimulatorCarrier, simulator: RunningSimulator, call_request: Callable[..., CallRequest], warm: bool
) -> None:
    if warm:
        carrier.find(call_request(ANSWERED))
    late = call_request(ANSWERED, leave_by=time.monotonic() - 0.001)

    outcome = carrier.place(late)

    assert outcome == NotSent("the send fence had passed", connection=False)
    assert carrier.find(late) == ()
    assert late.token not in {call.token for call in simulator.ledger().placed}


def test_a_connection_that_is_never_made_was_sent_nothing(call_request: Callable[..., CallRequest]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        backlog = [socket.socket() for _ in range(3)]
        for waiting in backlog:
            waiting.setblocking(False)
            waiting.connect_ex(address)
        carrier = SimulatorCarrier(f"http://127.0.0.1:{address[1]}", SECRET, connect_seconds=0.2)

        outcome = carrier.place(call_request(ANSWERED))

        for waiting in backlog:
            waiting.close()
    assert isinstance(outcome, NotSent)
    assert "ConnectTimeout" in outcome.reason
    carrier.close()


def test_a_name_that_does_not_resolve_was_sent_nothing(
    call_request: Callable[..., CallRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    carrier = SimulatorCarrier("http://simulator.invalid", SECRET)

    outcome = carrier.place(call_request(ANSWERED))

    assert isinstance(outcome, NotSent)
    assert outcome.connection
    carrier.close()


def test_a_failed_tls_handshake_was_sent_nothing(
    simulator: RunningSimulator, call_request: Callable[..., CallRequest]
) -> None:
    carrier = SimulatorCarrier(simulator.url.replace("http://", "https://"), SECRET)

    assert isinstance(carrier.place(call_request(ANSWERED)), NotSent)
    carrier.close()


def test_a_request_without_a_free_connection_was_sent_nothing(
    simulator: RunningSimulator, receiver: Receiver, call_request: Callable[..., CallRequest]
) -> None:
    with httpx2.Client(limits=httpx2.Limits(max_connections=1), trust_env=False) as client:
        carrier = simulator.carrier(client=client, request_seconds=3.0, read_seconds=1.0, connect_seconds=1.8)
        holding = call_request(HELD)
        thread = threading.Thread(target=carrier.place, args=(holding,))
        thread.start()
        receiver.wait_for(holding.token, 1)

        outcome = carrier.place(call_request(ANSWERED))
        thread.join()

    assert isinstance(outcome, NotSent)
    assert "PoolTimeout" in outcome.reason


@pytest.mark.parametrize("number", [THEN_500, THEN_TIMEOUT, THEN_RESET, NO_ID])
def test_a_call_that_was_placed_without_a_good_answer_is_ambiguous_and_found_by_its_token(
    simulator: RunningSimulator, receiver: Receiver, call_request: Callable[..., CallRequest], number: str
) -> None:
    carrier = simulator.carrier(read_seconds=0.3)
    placed = call_request(number)

    assert isinstance(carrier.place(placed), Ambiguous)

    last = receiver.wait_for_end(placed.token)[-1]
    assert carrier.find(placed) == (CarrierCall(last.call_id, CallState.ENDED, Disposition.ANSWERED),)
    assert simulator.ledger().calls_per_token()[placed.token] == 1
    carrier.close()


def test_a_5xx_is_ambiguous_even_when_nothing_was_placed(
    carrier: SimulatorCarrier, call_request: Callable[..., CallRequest]
) -> None:
    placed = call_request(REFUSED)

    assert carrier.place(placed) == Ambiguous("http_503")
    assert carrier.find(placed) == ()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"NOT HTTP AT ALL\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nnull",
        b'HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"id": 7}',
        b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_cannot_be_understood_is_ambiguous(
    call_request: Callable[..., CallRequest], answer: bytes
) -> None:
    with a_peer_that(lambda connection: connection.sendall(answer)) as url:
        carrier = SimulatorCarrier(url, SECRET)

        assert isinstance(carrier.place(call_request(ANSWERED)), Ambiguous)
        carrier.close()


def test_an_answer_that_drips_is_cut_off(call_request: Callable[..., CallRequest]) -> None:
    gone = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100):
            if gone.wait(0.05):
                return
            connection.sendall(b" ")

    with a_peer_that(drip) as url:
        carrier = SimulatorCarrier(url, SECRET, request_seconds=0.5)
        began = monotonic()

        outcome = carrier.place(call_request(ANSWERED))

        gone.set()
        assert isinstance(outcome, Ambiguous)
        assert monotonic() - began < 3.0
        carrier.close()


@pytest.mark.parametrize(("number", "code"), CODES.items())
def test_each_refusal_code_has_its_action(
    carrier: SimulatorCarrier, call_request: Callable[..., CallRequest], number: str, code: str
) -> None:
    actions = {
        "too_many_requests": Action.BACK_OFF,
        "unauthorized": Action.STOP_ACCOUNT,
        "account_suspended": Action.STOP_ACCOUNT,
        "caller_id_not_allowed": Action.RETIRE_NUMBER,
        "caller_id_flagged": Action.REST_NUMBER,
        "invalid_number": Action.INVALID_NUMBER,
        "blocked_number": Action.BLOCKED,
        "country_not_allowed": Action.BLOCKED,
        "unverified_number": Action.BLOCKED,
        "no_channel": Action.CHANNELS,
        "malformed": Action.MALFORMED,
        "no_route": Action.FAILED,
    }
    placed = call_request(number)

    assert carrier.place(placed) == Rejected(code, actions[code])
    assert carrier.find(placed) == ()


def test_a_429_says_how_long_to_back_off(carrier: SimulatorCarrier, call_request: Callable[..., CallRequest]) -> None:
    assert carrier.place(call_request(BACK_OFF)) == Rejected("http_429", Action.BACK_OFF, 7.0)


def test_a_4xx_that_is_unknown_is_a_technical_failure(
    carrier: SimulatorCarrier, call_request: Callable[..., CallRequest]
) -> None:
    assert carrier.place(call_request(TEAPOT)) == Rejected("http_418", Action.FAILED)


def test_a_wrong_secret_stops_the_account(
    simulator: RunningSimulator, call_request: Callable[..., CallRequest]
) -> None:
    stranger = SimulatorCarrier(simulator.url, "another-secret")
    placed = call_request(ANSWERED)

    assert stranger.place(placed) == Rejected("unauthorized", Action.STOP_ACCOUNT)
    assert isinstance(stranger.find(placed), CannotTell)
    assert simulator.ledger().calls_per_token()[placed.token] == 0
    stranger.close()


def test_a_request_the_simulator_cannot_read_is_malformed(
    carrier: SimulatorCarrier, call_request: Callable[..., CallRequest]
) -> None:
    assert carrier.place(call_request("12025550001")) == Rejected("malformed", Action.MALFORMED)


def test_a_queued_call_says_how_long_and_is_canceled_by_its_end(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[..., CallRequest]
) -> None:
    placed = call_request(QUEUED)
    outcome = carrier.place(placed)
    assert isinstance(outcome, Accepted)
    assert outcome.queued_for_ms == 30_000
    assert carrier.get(placed, outcome.carrier_call_id) == CarrierCall(outcome.carrier_call_id, CallState.PLACED)

    assert carrier.end(placed, outcome.carrier_call_id) is None

    (only,) = receiver.wait_for_end(placed.token)
    assert carrier.parse(placed.token, "", only.headers, only.body).disposition is Disposition.CANCELED


def test_ending_an_answered_call_completes_it_and_ending_it_again_changes_nothing(
    carrier: SimulatorCarrier, receiver: Receiver, call_request: Callable[..., CallRequest]
) -> None:
    placed = call_request(TALKING)
    outcome = carrier.place(placed)
    assert isinstance(outcome, Accepted)
    receiver.wait_for_event(placed.token, "answered")
    call_id = outcome.carrier_call_id
    assert carrier.get(placed, call_id) == CarrierCall(call_id, CallState.IN_PROGRESS)

    assert carrier.end(placed, call_id) is None
    assert carrier.end(placed, call_id) is None

    assert carrier.get(placed, call_id) == CarrierCall(call_id, CallState.ENDED, Disposition.ANSWERED)
    *before, last = receiver.wait_for_end(placed.token)
    assert [seen.event for seen in before] == ["answered"]
    assert carrier.parse(placed.token, "", last.headers, last.body).verdict is Verdict.HUMAN


def test_a_call_the_simulator_does_not_know_is_no_call_and_need_not_be_ended(
    carrier: SimulatorCarrier, call_request: Callable[..., CallRequest]
) -> None:
    assert carrier.get(call_request(ANSWERED), "sim_unknown") is None
    assert carrier.end(call_request(ANSWERED), "sim_unknown") is None


def test_a_404_from_something_else_proves_nothing(call_request: Callable[..., CallRequest]) -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with a_peer_that(lambda connection: connection.sendall(answer)) as url:
        carrier = SimulatorCarrier(url, SECRET)

        assert isinstance(carrier.get(call_request(ANSWERED), "sim_1"), CannotTell)
        carrier.close()


def test_a_simulator_that_is_away_proves_nothing(call_request: Callable[..., CallRequest]) -> None:
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        carrier = SimulatorCarrier(f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}", SECRET)

        assert isinstance(carrier.find(call_request(ANSWERED)), CannotTell)
        assert isinstance(carrier.get(call_request(ANSWERED), "sim_1"), CannotTell)
        assert carrier.end(call_request(ANSWERED), "sim_1") is not None
    carrier.close()
