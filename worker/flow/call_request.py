"""The request to place a call, and which calls cannot be requested at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from worker.carriers.base import CallRequest
from worker.carriers.registry import connects_by, set_up_by
from worker.domain.assistant import Assistant, why_unreachable
from worker.domain.call_token import call_token
from worker.domain.errors import Conflict, Fault, Invalid
from worker.domain.machines import machine_policy
from worker.domain.variables import render
from worker.flow.base import Dialer, Step
from worker.flow.stop import pause_campaign
from worker.store import assistants
from worker.store.assistants import AssistantColumns, Reach
from worker.store.dialing import ReservedCall

log = structlog.get_logger()


def assistant_of(row: AssistantColumns) -> Assistant:
    """The assistant whose columns are in the row."""
    return Assistant(row.stream_url, row.answer_url, row.carrier_ids)


def refuse_unreachable(conn: Connection, assistant_id: str, number_ids: Sequence[str]) -> None:
    """Raise :class:`Invalid` if a call from one of the numbers could not be connected to the assistant."""
    whys = _whys(assistants.reach(conn, assistant_id, number_ids))
    if whys:
        raise Invalid([Fault("assistantId", why) for why in whys])


def refuse_unreachable_run(conn: Connection, campaign_id: str) -> None:
    """Raise :class:`Conflict` if a call of the campaign could not be connected to its assistant."""
    whys = _whys(assistants.reach_of_campaign(conn, campaign_id))
    if whys:
        raise Conflict(" ".join(whys))


def _whys(row: Reach) -> list[str]:
    whys = [why_unreachable(carrier, connects_by(carrier), assistant_of(row)) for carrier in row.carriers]
    return [why for why in whys if why is not None]


def call_request_for(dialer: Dialer, row: ReservedCall, *, leave_by: float) -> CallRequest:
    """The call of this row (:func:`worker.store.dialing.reserved_calls`), to leave before ``leave_by``."""
    return replace(
        dialer.call_request(row),
        leave_by=leave_by,
        answer_url=f"{dialer.public_base_url}/carriers/{row.carrier}/answer/{row.token}",
        campaign_id=row.campaign_id,
        contact_id=row.contact_id,
        assistant=assistant_of(row),
        detects_machines=machine_policy(row.settings) is not None,
        call_token=token_of(row.call_secret, row.id),
        variables=render(row.variables, row.person),
    )


def token_of(secret: bytes | None, call_id: str) -> str:
    """The token of this call; empty where its assistant gets none."""
    return "" if secret is None else call_token(secret, call_id)


def turn_away(dialer: Dialer, rows: Sequence[ReservedCall]) -> tuple[list[ReservedCall], list[Step]]:
    """The calls that can be placed. Campaigns whose calls cannot are paused with the reason, for no retry would
    help: their carrier was not set up when this process started, or cannot connect their assistant."""
    obstacles = {row.id: obstacle(dialer, row.carrier, row) for row in rows}
    reasons = {row.campaign_id: obstacles[row.id] for row in rows if obstacles[row.id] is not None}
    steps: list[Step] = []
    for campaign_id, reason in reasons.items():
        log.error("calls_cannot_be_placed", campaign_id=campaign_id, reason=reason)
        steps += pause_campaign(dialer, campaign_id, str(reason), actor="dialer")
    return [row for row in rows if obstacles[row.id] is None], steps


def obstacle(dialer: Dialer, carrier: str, assistant: AssistantColumns) -> str | None:
    """Why a call through this carrier to this assistant cannot be placed, as the reason of a pause."""
    if carrier not in dialer.carriers:
        names = set_up_by().get(carrier, "its settings")
        return f"carrier_not_set_up: This deployment cannot call through {carrier}; set {names}, then resume."
    why = why_unreachable(carrier, connects_by(carrier), assistant_of(assistant))
    return None if why is None else f"assistant_unreachable: {why}"
