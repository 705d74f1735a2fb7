"""One call to a phone of somebody's own, through a campaign's assistant and caller IDs, before others are called by it.

It is the one call of a campaign that is made for it: like that one in everything that decides whether, when and how a
call is placed, with one contact, one attempt, and one call to place. So it takes places and its turn, passes the gate,
keeps to window and do-not-call, and is settled, found again and counted as any other; it is counted there and not in
the campaign it tries. That campaign is listed nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.errors import Conflict, TooOften
from worker.domain.paging import Part
from worker.domain.run_request import LONGEST_NAME
from worker.flow.admit import run_campaign
from worker.flow.base import Dialer, Step
from worker.flow.purpose import refuse_without_purpose
from worker.flow.run_result import RunResult
from worker.flow.stop import cancel_campaign
from worker.operations.copies import copied, create_like
from worker.operations.progress import read_progress
from worker.store import campaigns
from worker.store.crm import campaign_copies, contact_list, contacts, keys
from worker.store.crm.contact_list import Wanted
from worker.store.crm.contacts import NewContact
from worker.store.database import transact

log = structlog.get_logger()

MOST_AN_HOUR = 10
"""Test calls that one key may ask for."""
HOUR_SECONDS = 3600.0
TAG = "test-call"
"""What the contact of a number is known by that was nobody's."""
_OF_ONE_CALL = {"maxConcurrentCalls": 1, "maxAttemptsPerContact": 1}
_NEVER_ENDS = ("keepOpen",)


def place_test_call(
    dialer: Dialer,
    team_id: str,
    campaign_id: str,
    to: str,
    *,
    opened_by: str,
    actor: str,
    broker_answers: Callable[[], bool] = lambda: True,
) -> tuple[RunResult, list[Step]]:
    """Call ``to`` (E.164) as the campaign would, now; the run it was placed by, with that call. Where nobody may be
    called now there is no call later either. Raises :class:`NotFound`, :class:`Conflict` with the reason why it is not
    placed, and :class:`TooOften` where a key (the ``actor``) has asked for ten in an hour."""

    def prepare(conn: Connection) -> str:
        if keys.hold(conn, actor):
            _refuse_too_many(conn, actor)
        campaign = campaigns.get(conn, campaign_id, team_id)
        if campaign is not None:
            refuse_without_purpose(dialer, campaign)
        found, sent = copied(conn, team_id, campaign_id)
        sent = {name: value for name, value in sent.items() if name not in _NEVER_ENDS}
        sent |= {"name": f"Test call: {found['name']}"[:LONGEST_NAME], **_OF_ONE_CALL}
        own = create_like(conn, team_id, sent, test_of=campaign_id, tested_by=actor)
        contacts.add(conn, team_id, own, [_contact(conn, team_id, to)])
        campaigns.audit(conn, campaign_id, actor, "test_call", {"campaignId": own})
        return own

    own = transact(dialer.db, prepare)
    result, steps = run_campaign(dialer, own, opened_by=opened_by, actor=actor, max_calls=1, team_id=team_id)
    if not result.calls:
        why = _why_not(dialer, team_id, own, result, broker_answers)
        with suppress(Conflict):  # with nobody to call it has completed
            cancel_campaign(dialer, own, actor=actor, team_id=team_id)
        raise Conflict(f"No test call was placed. {why}")
    log.info("test_call_placed", campaign_id=campaign_id, call_id=result.calls[0].call_id)
    return result, steps


def _refuse_too_many(conn: Connection, key_id: str) -> None:
    made = campaign_copies.tests_made(conn, key_id, most=MOST_AN_HOUR)
    wait = HOUR_SECONDS - made[-1].seconds_ago if len(made) == MOST_AN_HOUR else 0
    if wait > 0:
        message = f"This key has asked for {MOST_AN_HOUR} test calls in an hour; ask again in {wait / 60:.0f} minutes."
        raise TooOften(message, wait)


def _contact(conn: Connection, team_id: str, to: str) -> str:
    """The team's contact with this number, made if there is none."""
    _, rows = contact_list.find(conn, team_id, Wanted(phone_e164=to), Part(limit=1))
    if rows:
        return str(rows[0].id)
    made = NewContact(ids.new(ids.CONTACT), to, to, None, first_name="Test call", tags=[TAG])
    contacts.load(conn, team_id, [made])
    return made.id


def _why_not(dialer: Dialer, team_id: str, own: str, result: RunResult, broker_answers: Callable[[], bool]) -> str:
    if result.errors:
        return f"{result.errors[0]}."
    return read_progress(dialer, team_id, own, broker_answers=broker_answers).activity.message
