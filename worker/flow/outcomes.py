"""Take an assistant's report on its call, and end the wait for reports that do not come.

One transaction keeps the report, puts who asked for it on the do-not-call list, and, where the contact waits for the
word, sets its next state; the report is answered after that commit. The team's gate is closed before the call is
locked, as by whoever bans numbers: from the answer on no call to that number is committed, by whatever campaign.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.errors import Conflict, NotFound, Refused
from worker.domain.outcomes import Effect, Meaning, OutcomeReport, Then, digest_of, meaning_of, parse_report
from worker.domain.variables import render
from worker.flow import callbacks
from worker.flow.base import Dialer, Fill, Step
from worker.flow.callbacks import Which
from worker.flow.finish import finish
from worker.store import audit, call_history, call_outcomes, gate
from worker.store.call_outcomes import LockedCall, LockedOutcome, ReportedCall
from worker.store.crm import contacts, do_not_call, import_marks
from worker.store.crm.do_not_call import Entry
from worker.store.database import once, single, transact

log = structlog.get_logger()

MOST_REPORTS = 20
"""Different reports on one call that are kept."""
MOST_AT_ONCE = 500
DO_NOT_CALL_REASON = "the callee said so in a call"

Answer = Mapping[str, Any]
"""What is answered to a report: the same whenever the same report comes."""


def report_outcome(
    dialer: Dialer, team_id: str, call_id: str, body: Mapping[str, Any], *, actor: str
) -> tuple[Answer, list[Step]]:
    """Keep a report on a call of the team, do what it asks for, and say what it decides.

    A report that came before, in the same words, is answered as it was then and changes nothing. Raises
    :class:`NotFound`, :class:`~worker.domain.errors.Invalid` with every fault, a word the campaign does not know among
    them, and :class:`Conflict` for a call that has not left, or has too many reports.
    """
    reported = transact(dialer.db, lambda conn: _report(conn, dialer, team_id, call_id, body, actor))
    crashpoint("outcome.after_commit")
    return reported


def _report(
    conn: Connection, dialer: Dialer, team_id: str, call_id: str, body: Mapping[str, Any], actor: str
) -> tuple[Answer, list[Step]]:
    call = call_outcomes.call(conn, call_id, team_id)
    if call is None:
        raise NotFound("call", call_id)
    if not call.to_number:
        raise Conflict(f"The callee of call {call_id} was erased; nothing more is kept of it.")
    if body.get("doNotCall") is True or _is_refusal(call, body.get("outcome")):
        gate.close_gate(conn, team_id)  # before the call is locked, as whoever places calls passes it
    locked, known = call_outcomes.lock(conn, call_id)
    before = {} if known is None else known.reports
    digest = digest_of(body)
    if digest in before:
        return before[digest], []
    report = parse_report(body, call.now, _clock_of(conn, call) if body.get("callbackAt") is not None else None)
    meaning = None if call.outcomes is None else meaning_of(call.outcomes, report.outcome)
    is_new_ban = report.do_not_call and (known is None or not known.do_not_call)
    _refuse(call_id, locked, len(before), at_most=MOST_REPORTS + is_new_ban)
    effect = _effect(locked, known, meaning)
    decides = None if effect is Effect.ANNOTATES else meaning
    callback = None
    if report.do_not_call:
        _ban(conn, call, actor)
    elif report.callback_at is not None and (meaning is None or meaning.then is not Then.NEVER):
        callback = _call_back(conn, dialer, call, report.callback_at, actor)
    if report.do_not_call or _is_refusal(call, report.outcome):
        call_history.refused(conn, team_id, call.to_number)
    was_banned = known is not None and known.do_not_call
    answer = _answer(call, report, effect, decides, callback, was_banned=was_banned)
    call_outcomes.keep(conn, call_id, report, decides, answer)
    if effect is Effect.NOW:
        call_outcomes.decide(conn, call_id)
    log.info("outcome_reported", call_id=call_id, campaign_id=call.campaign_id, effect=effect.value)
    return answer, [Fill(team_id, (call.campaign_id,))] if effect is Effect.NOW else []


def _is_refusal(call: ReportedCall, word: object) -> bool:
    """Whether the callee refuses: the campaign's outcomes say ``never`` of the word. Quiet times count from then."""
    return call.outcomes is not None and isinstance(word, str) and call.outcomes.get(word) == Then.NEVER


def _refuse(call_id: str, locked: LockedCall, reports: int, *, at_most: int) -> None:
    """However much was said, that the callee is not to be called is taken once more."""
    if locked.is_unsent:
        raise Conflict(f"Call {call_id} has not been placed; there is nothing to report of it.")
    if reports >= at_most:
        raise Conflict(f"Call {call_id} has {MOST_REPORTS} different reports already.")


def _effect(locked: LockedCall, known: LockedOutcome | None, meaning: Meaning | None) -> Effect:
    if meaning is None:
        return Effect.ANNOTATES
    if not locked.is_over:
        return Effect.AT_END
    return Effect.NOW if known is not None and known.is_awaited else Effect.ANNOTATES


def _clock_of(conn: Connection, call: ReportedCall) -> str | None:
    try:
        return callbacks.clock_of(conn, Which(call.campaign_id, call.contact_id))
    except Refused:  # of a campaign that is over: what else the report says is kept
        return None


def _call_back(
    conn: Connection, dialer: Dialer, call: ReportedCall, at: datetime, actor: str
) -> tuple[datetime | None, str]:
    """When the contact is called back, and a sentence; no instant where it is not, and why. The report is kept."""
    which = Which(call.campaign_id, call.contact_id)
    try:
        callback = callbacks.ask(conn, which, at.isoformat(), bounds=dialer.bounds, actor=actor)
    except Refused as error:
        return None, str(error)
    return callback.call_at, callback.message


def _answer(
    call: ReportedCall,
    report: OutcomeReport,
    effect: Effect,
    decides: Meaning | None,
    callback: tuple[datetime | None, str] | None,
    *,
    was_banned: bool,
) -> Answer:
    call_at, message = callback or (None, None)
    return {
        "call_id": call.id,
        "campaign_id": call.campaign_id,
        "contact_id": call.contact_id,
        "outcome": report.outcome,
        "effect": effect.value,
        "next": None if decides is None else decides.then.value,
        "retry_after_minutes": None if decides is None else decides.retry_minutes,
        "callback_at": _instant(report.callback_at),
        "call_at": _instant(call_at),
        "callback": message,
        "do_not_call": report.do_not_call or was_banned,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _ban(conn: Connection, call: ReportedCall, actor: str) -> None:
    """The number that was called is on the team's list, and the contact, whatever its number is now, marked."""
    entry = Entry(DO_NOT_CALL_REASON, source="call", evidence=call.id, added_by=actor)
    do_not_call.add(conn, call.team_id, [call.to_number], entry)
    contacts.edit(conn, call.team_id, call.contact_id, {"do_not_call": True})
    import_marks.end(conn, call.contact_id)
    audit.note(conn, call.team_id, actor, "do_not_call_in_call", call.id, {"contactId": call.contact_id})


def read_context(dialer: Dialer, team_id: str, call_id: str) -> Mapping[str, Any] | None:
    """What an assistant may know of its call that has no place in an address; ``None`` once the call is over, or where
    there is none."""
    row = once(dialer.db, lambda conn: call_outcomes.context(conn, team_id, call_id))
    if row is None:
        return None
    return {
        "call_id": row.id,
        "campaign_id": row.campaign_id,
        "contact_id": row.contact_id,
        "variables": render(row.variables, row.person),
    }


def decide_overdue(dialer: Dialer) -> list[Step]:
    """Whoever has waited long enough for the outcome of his call has been reached, unless more was said; campaigns in
    which nothing else is to come are completed."""
    if not single(dialer.db, call_outcomes.are_over):
        return []
    campaign_ids = transact(dialer.db, lambda conn: call_outcomes.decide_overdue(conn, most=MOST_AT_ONCE))
    crashpoint("outcome.after_decide")
    finish(dialer, campaign_ids)
    return []
