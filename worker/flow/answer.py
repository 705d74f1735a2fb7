"""Instruct a carrier about a callee who has answered.

Its question is news like any other: verified, and committed before it is answered. Whether somebody expects the call
is read after that commit, so that what was settled meanwhile is seen; a call that nobody expects is hung up, and so is
one that asks under the token of another carrier's or account's.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from worker.carriers.base import AnswersWebhook, BadEvent, Greeting
from worker.domain.errors import NotFound
from worker.domain.lifecycle import is_foreign
from worker.domain.variables import render
from worker.flow.base import Dialer, Step
from worker.flow.call_request import assistant_of, token_of
from worker.flow.record import parse, record
from worker.store import assistants
from worker.store.database import once

log = structlog.get_logger()


def answer(
    dialer: Dialer, carrier: str, token: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[str, list[Step]]:
    """The instructions for the call that asks, and the steps that follow from its being answered.

    Raises :class:`NotFound` for a carrier that does not ask or that this deployment does not have, and what
    :func:`worker.flow.receipt.receive` raises.
    """
    webhook = dialer.carriers.get(carrier)
    if not isinstance(webhook, AnswersWebhook):
        raise NotFound("carrier that asks", carrier)
    event = parse(dialer, carrier, token, url, headers, body)
    if event is None:
        raise BadEvent("The question names no call.")
    steps = record(dialer, carrier, [event])
    row = None
    if not is_foreign(None, carrier, event.other_account):
        row = once(dialer.db, lambda conn: assistants.expecting(conn, carrier, token, event.carrier_call_id))
    if row is None:
        log.warning("unexpected_call_hung_up", carrier=carrier, carrier_call_id=event.carrier_call_id)
        return webhook.instruct(None), steps
    token, variables = token_of(row.call_secret, row.id), render(row.variables, row.person)
    greeting = Greeting(assistant_of(row), row.id, row.campaign_id, row.contact_id, token, variables)
    return webhook.instruct(greeting), steps
