"""Acme: a carrier as a package of its own adds it, here one that the simulator can speak for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import httpx2

from worker.carriers.base import Accepted, CallRequest, Outcome, Rejected
from worker.carriers.http import Answer, HttpClient
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.carriers.simulated.translation import rejected, request
from worker.carriers.spec import AssistantField, CarrierSpec, Setting, SimulatedAt
from worker.simulator.calls import Call, Connected, Request
from worker.simulator.courier import Post
from worker.simulator.exchange import Exchange
from worker.simulator.protocols.base import HttpAnswer, HttpRequest, ProtocolOptions, read_object
from worker.simulator.protocols.own import OwnProtocol

AGENT = AssistantField("acme_agent_id", "An agent at Acme.")


class AcmeCarrier(SimulatorCarrier):
    """Places calls by ``/acme/calls``, which takes an agent and a region; else it speaks as the simulator does."""

    name = "acme"
    shares_credentials = True

    def __init__(self, settings: Mapping[str, str], client: httpx2.Client, request_seconds: float) -> None:
        url, key = settings["ACME_API_BASE_URL"], settings["ACME_KEY"]
        super().__init__(url, key, client, request_seconds=request_seconds)
        self._calls = HttpClient(url, {"Authorization": f"Bearer {key}"}, client, request_seconds)
        self._region = settings["ACME_REGION"]

    def place(self, call_request: CallRequest) -> Outcome:
        agent = call_request.assistant.carrier_ids.get(AGENT.key)
        body = {**request(call_request), "agent": agent, "region": self._region}
        leave_by = call_request.leave_by
        return self._calls.place("/acme/calls", json=body, leave_by=leave_by, accepted=_accepted, rejected=_rejected)


def _accepted(answer: Answer) -> Accepted | None:
    call_id = answer.document.get("id")
    return Accepted(call_id) if isinstance(call_id, str) else None


def _rejected(answer: Answer) -> Rejected:
    return rejected(answer.status, "", answer.retry_after)


class AcmeProtocol(OwnProtocol):
    """The other side of it."""

    name = "acme"
    root = "acme"

    def __init__(self, options: ProtocolOptions) -> None:
        super().__init__(options.secret)

    def answer(self, http: HttpRequest, exchange: Exchange) -> HttpAnswer | Request | None:
        own = super().answer(replace(http, path=("v1", *http.path[1:])), exchange)
        if not isinstance(own, Request):
            return own
        fields = read_object(http.body) or {}
        return replace(own, details={"agent": fields.get("agent"), "region": fields.get("region")})

    def at_answer(self, call: Call) -> Post | Connected | None:
        return Connected(call.request.details["agent"], {"region": call.request.details["region"]})


def _simulated(at: SimulatedAt) -> Mapping[str, str]:
    return {"ACME_KEY": at.secret, "ACME_REGION": "north", "ACME_API_BASE_URL": at.url}


def _region(value: str) -> str:
    if value not in ("", "north", "south"):
        raise ValueError("Give north or south")
    return value


SPEC = CarrierSpec(
    name="acme",
    title="Acme",
    adapter="acme_carrier:AcmeCarrier",
    settings=(
        Setting("ACME_KEY", required=True, secret=True),
        Setting("ACME_REGION", required=True, check=_region),
        Setting("ACME_API_BASE_URL", "https://api.acme.com", url=True),
    ),
    connects_by=(AGENT.key,),
    assistant_fields=(AGENT,),
    first_rate=2.0,
    shares_credentials=True,
    api_setting="ACME_API_BASE_URL",
    protocol="acme_carrier:AcmeProtocol",
    simulated=_simulated,
)
