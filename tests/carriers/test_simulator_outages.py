"""A carrier whose API hangs, is slow or refuses, for one account or for all, while its calls go on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.carriers.running import SECRET, RunningSimulator, a_call_request
from worker.carriers.base import Accepted, Ambiguous, CallRequest, CannotTell, CarrierCall, Rejected
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.simulator import ledger

NUMBER = "+12025550001"


def callbacks(token: str) -> str:
    """Where nobody listens."""
    return f"http://127.0.0.1:9/{token}"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    started = RunningSimulator(tmp_path_factory.mktemp("outages"), {"*": {"ring": 600}})
    yield started
    started.stop()


@pytest.fixture
def carrier(simulator: RunningSimulator) -> Iterator[SimulatorCarrier]:
    """One that gives up soon; no outage outlives its test."""
    carrier = simulator.carrier(request_seconds=0.3, connect_seconds=0.3, read_seconds=0.3)
    yield carrier
    carrier.close()
    for account in (None, "acc_one", "acc_two"):
        set_outage(simulator, {"account": account, "place": None, "end": None, "look_up": None})


def set_outage(simulator: RunningSimulator, outage: object, *, secret: str = SECRET) -> int:
    request = urllib.request.Request(
        f"{simulator.url}/faults", json.dumps(outage).encode(), {"Authorization": f"Bearer {secret}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def placed(carrier: SimulatorCarrier, account: str) -> tuple[CallRequest, str]:
    call_request = a_call_request(NUMBER, callbacks, account_id=account)
    outcome = carrier.place(call_request)
    assert isinstance(outcome, Accepted)
    return call_request, outcome.carrier_call_id


def end_requests(simulator: RunningSimulator, call_id: str) -> list[int | None]:
    facts = ledger.read_facts(simulator.ledger_path)
    return [it.get("refused_with") for it in facts if it["fact"] == "end_requested" and it["call"] == call_id]


@pytest.mark.parametrize(("account", "obeyed"), [("acc_one", False), (None, True)])
def test_what_hangs_is_not_answered_and_the_other_account_is(
    simulator: RunningSimulator, carrier: SimulatorCarrier, account: str | None, obeyed: bool
) -> None:
    call_request, call_id = placed(carrier, "acc_one")
    other, other_id = placed(carrier, "acc_two")
    hangs = {"hang_seconds": 60, "obeyed": obeyed}
    assert set_outage(simulator, {"account": account, "place": hangs, "end": hangs, "look_up": hangs}) == 200
    new = a_call_request(NUMBER, callbacks, account_id="acc_one")

    assert isinstance(carrier.place(new), Ambiguous)
    assert isinstance(carrier.get(call_request, call_id), CannotTell)
    assert isinstance(carrier.find(call_request), CannotTell)
    assert carrier.end(call_request, call_id) is not None

    assert isinstance(carrier.get(other, other_id), CarrierCall) is (account is not None)
    book = simulator.ledger()
    assert (new.token in book.calls_per_token()) is obeyed
    assert [it.status for it in book.not_placed if it.token == new.token] == ([] if obeyed else [0])
    assert end_requests(simulator, call_id) == ([None] if obeyed else [0])
    assert (call_id in {call.call_id for call in book.live()}) is not obeyed


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_refused_hang_up_leaves_the_call_alive_and_is_written_down(
    simulator: RunningSimulator, carrier: SimulatorCarrier, status: int
) -> None:
    call_request, call_id = placed(carrier, "acc_one")
    set_outage(simulator, {"account": "acc_one", "end": {"status": status}})
    assert (carrier.end(call_request, call_id) is None) is (status == 404), (
        "a carrier that knows no such call has ended it"
    )
    assert end_requests(simulator, call_id) == [status]
    assert call_id in {call.call_id for call in simulator.ledger().live()}

    set_outage(simulator, {"account": "acc_one", "end": None})
    assert carrier.end(call_request, call_id) is None
    assert end_requests(simulator, call_id) == [status, None]


def test_a_refused_request_places_nothing_and_is_written_down(
    simulator: RunningSimulator, carrier: SimulatorCarrier
) -> None:
    set_outage(simulator, {"account": None, "place": {"status": 429}})
    call_request = a_call_request(NUMBER, callbacks, account_id="acc_one")
    assert isinstance(carrier.place(call_request), Rejected)
    assert [it.status for it in simulator.ledger().not_placed if it.token == call_request.token] == [429]


def test_a_slow_request_is_carried_out_if_its_client_still_waits(
    simulator: RunningSimulator, carrier: SimulatorCarrier
) -> None:
    set_outage(simulator, {"account": "acc_one", "place": {"slow_seconds": 0.01}})
    call_request, _ = placed(carrier, "acc_one")
    assert call_request.token in simulator.ledger().calls_per_token()
    set_outage(simulator, {"account": "acc_one", "place": {"slow_seconds": 1.0}})
    late = a_call_request(NUMBER, callbacks, account_id="acc_one")
    assert isinstance(carrier.place(late), Ambiguous)
    set_outage(simulator, {"account": "acc_one", "place": None})
    assert late.token not in simulator.ledger().calls_per_token()


@pytest.mark.parametrize(
    "outage",
    [
        [], {"hangup": None}, {"account": 1}, {"end": 404}, {"end": {}}, {"end": {"status": 200}},
        {"end": {"status": True}}, {"end": {"hang_seconds": 0}}, {"end": {"slow_seconds": 1, "obeyed": True}},
        {"end": {"slow_seconds": 1, "status": 500}}, {"end": {"hang_seconds": "10"}}, {"end": {"status": 404.5}},
    ],
)  # fmt: skip
def test_an_outage_that_cannot_be_read_changes_nothing(
    simulator: RunningSimulator, carrier: SimulatorCarrier, outage: Any
) -> None:
    assert set_outage(simulator, outage) == 400
    call_request, call_id = placed(carrier, "acc_one")
    assert carrier.end(call_request, call_id) is None


def test_only_who_shares_the_secret_may_bring_an_outage_about(simulator: RunningSimulator) -> None:
    assert set_outage(simulator, {"account": None, "end": None}, secret="another") == 401


def test_the_simulator_ends_at_once_while_it_holds_requests(tmp_path: Path) -> None:
    simulator = RunningSimulator(tmp_path, {"*": {"ring": 600}})
    set_outage(simulator, {"account": None, "place": {"hang_seconds": 3600}})
    carrier = simulator.carrier(request_seconds=0.3, connect_seconds=0.3, read_seconds=0.3)
    assert isinstance(carrier.place(a_call_request(NUMBER, callbacks)), Ambiguous)
    carrier.close()
    assert simulator.stop() == 0
