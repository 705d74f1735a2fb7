"""The simulator connects a callee to an assistant that has a token, by a POST of what it is sent."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from tests.carriers.receiver import Receiver
from tests.carriers.running import SECRET, RunningSimulator, a_call_request
from worker.carriers.base import Accepted
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.domain.assistant import Assistant

TALKS = "+12025550001"
VARIABLES = {"name": "Ann </Stream>", "plan": "\"gold\" & 'more'"}


@pytest.mark.parametrize("status", [200, 500])
def test_the_callee_is_connected_or_the_call_ends(tmp_path: Path, receiver: Receiver, status: int) -> None:
    simulator = RunningSimulator(tmp_path, {TALKS: {"ring": 0, "talk": 60 if status == 500 else 0.2}})
    assistant = Receiver()
    assistant.status = lambda received: status
    assistant.start()
    carrier = SimulatorCarrier(simulator.url, SECRET)
    call_request = a_call_request(
        TALKS, receiver.callback_url, call_token="dct_x", variables=VARIABLES, campaign_id="camp_1",
        contact_id="cont_1", assistant=Assistant(answer_url=f"{assistant.url}/talk"),
    )  # fmt: skip
    assert isinstance(carrier.place(call_request), Accepted)
    receiver.wait_for_end(call_request.token)
    (connected,) = assistant.about("talk")
    assert json.loads(connected.body) == call_request.greeting.parameters_and_variables
    assert {**VARIABLES, "callToken": "dct_x"}.items() <= json.loads(connected.body).items()
    carrier.close()
    assistant.close()
    simulator.stop()


def test_whom_it_cannot_connect_it_does_not_call(tmp_path: Path, receiver: Receiver) -> None:
    simulator = RunningSimulator(tmp_path, {TALKS: {"ring": 0, "talk": 1}})
    body = {"from": TALKS, "to": TALKS, "token": "t", "callback_url": receiver.callback_url("t"), "ring_seconds": 30,
            "longest_call_seconds": 60, "account": "a"}  # fmt: skip
    for more in ({"connect_to": "nowhere"}, {"connect_to": receiver.url, "parameters": {"a": 1}}):
        headers = {"Authorization": f"Bearer {SECRET}"}
        answer = httpx2.post(f"{simulator.url}/v1/calls", json={**body, **more}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    simulator.stop()
