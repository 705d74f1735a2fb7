"""Open a run: by a person, or because the campaign's instant has come.

Opening locks the campaign, writes one run (the newest governs), screens the exceptions, and wakes the
campaign; the first wave is then reserved like any other. Its cost does not depend on how many contacts wait.
A dry run does the same in a transaction that is rolled back, so what it answers is what would happen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain import ids
from worker.domain.errors import Conflict, Fault, Invalid, NotFound, PurposeRequired, Unavailable
from worker.domain.lifecycle import CAMPAIGN_MOVES, EDITABLE, Verb
from worker.domain.model import CampaignStatus, Reason
from worker.domain.on_the_clock import when
from worker.domain.run_request import MOST_CALLS
from worker.domain.screening import error_sentence
from worker.flow.base import Dialer, RebuildSlots, Step, first_moment
from worker.flow.call_request import refuse_unreachable_run
from worker.flow.callee_hours import warnings_of_run
from worker.flow.claim import claim
from worker.flow.fill import Filled, fill
from worker.flow.finish import finish
from worker.flow.missing_variables import MissingVariables, missing_variables
from worker.flow.plan import CandidatePage
from worker.flow.purpose import lacks_purpose, refuse_without_purpose
from worker.flow.reconcile import reconcile
from worker.flow.run_result import RunIsOpen, RunResult, StartedCall, Unreached
from worker.flow.stop import refused
from worker.flow.waits import read_waits
from worker.store import campaigns, counters, gate, rules, runs, wakes
from worker.store.campaigns import CampaignRow
from worker.store.claims import Reservation
from worker.store.crm import contacts
from worker.store.database import once, transact
from worker.store.wakes import DueCampaign

log = structlog.get_logger()

MOST_STARTED = 1000
"""Of calls that others have started, as many are looked at."""


class _Replaces(Exception):
    """An older run goes on. Its calls are not to be committed beside the newer one, so that is opened under the
    team's lock, which is taken before the campaign's row; where none goes on, screening would only keep the team's
    other campaigns waiting."""

    def __init__(self, team_id: str) -> None:
        self.team_id = team_id


@dataclass(frozen=True, slots=True)
class _Opened:
    run_id: str
    replaced_run_id: str | None
    team_id: str
    causes: Mapping[Reason, int]
    unreached: tuple[Unreached, ...]
    remaining: int
    opens_at: datetime | None
    has_window: bool
    warnings: tuple[str, ...]
    missing: MissingVariables
    now: datetime
    zone: str | None
    row: CampaignRow
    reserved: tuple[Reservation, ...] = field(default=())


def run_campaign(
    dialer: Dialer,
    campaign_id: str,
    *,
    opened_by: str,
    actor: str | None = None,
    max_calls: int | None = None,
    dry_run: bool = False,
    team_id: str | None = None,
    account_slug: str | None = None,
    run_id: str | None = None,
    may_replace: bool = True,
) -> tuple[RunResult, list[Step]]:
    """Open a run of at most ``max_calls`` calls and reserve its first wave. ``opened_by`` is by which way it was asked
    for, ``actor`` who asked, for the audit log, where that says more. A ``run_id`` given opens one run,
    however often it is asked for. Where a run is open, and it ``may_replace`` none, raises :class:`RunIsOpen`; a dry
    run says what it would replace.

    Raises :class:`NotFound`, :class:`Conflict` (a state it is not legal from, nothing waiting, deleted, opened before
    under this ``run_id``, no purpose where it must have one, an assistant its carriers cannot connect) or
    :class:`Invalid` (``maxCalls``, ``accountSlug``)."""
    _check(max_calls)

    def open_it(conn: Connection, replaces_of: str = "") -> _Opened:
        if replaces_of:
            gate.close_gate(conn, replaces_of)
        if run_id is not None and _find(conn, campaign_id, team_id) and runs.exists(conn, run_id):
            raise Conflict(f"Run {run_id} of campaign {campaign_id} was opened before; ask for another.")
        row = _legal(conn, Verb.RUN, campaign_id, team_id)
        _refuse_if_over(row)
        if account_slug is not None and account_slug != row.team_slug:
            raise Invalid([Fault("accountSlug", f"No account {account_slug!r} for this campaign's team.")])
        refuse_without_purpose(dialer, row)
        refuse_unreachable_run(conn, campaign_id)
        if row.run_id is not None and not (may_replace or dry_run) and campaigns.has_open_run(conn, campaign_id):
            raise RunIsOpen(campaign_id, row.run_id)
        if row.status == CampaignStatus.RUNNING and not (dry_run or replaces_of):
            raise _Replaces(row.team_id)
        return _opened(conn, dialer, row, _open(conn, Verb.RUN, row, opened_by, max_calls, run_id, actor=actor))

    if dry_run:
        return _preview(dialer, campaign_id, open_it), []
    dialer.slots.server()  # away, it had better say so now than leave a run that starts nothing
    try:
        opened = transact(dialer.db, open_it)
    except _Replaces as older:
        opened = transact(dialer.db, partial(open_it, replaces_of=older.team_id))
    crashpoint("admit.after_commit")
    filled = _first_wave(dialer, opened.team_id, campaign_id)
    log.info("run_opened", run_id=opened.run_id, campaign_id=campaign_id, opened_by=opened_by)
    mine = [reservation for reservation in filled.reserved if reservation.campaign_id == campaign_id]
    started = mine or _started_by_others(dialer, opened, campaign_id)
    return _result(opened, campaign_id, started, dry_run=False), list(filled.steps)


def _first_wave(dialer: Dialer, team_id: str, campaign_id: str) -> Filled:
    """Reserve what can be reserved at once. The run is committed by now: if a service has gone away since, the
    answer is that nothing was started yet, and the tick starts it."""
    try:
        filled = fill(dialer, team_id, [campaign_id])
        if RebuildSlots() in filled.steps:  # now, or the answer is that nothing was started where a moment later all is
            reconcile(dialer)
            filled = fill(dialer, team_id, [campaign_id])
        finish(dialer, [campaign_id] if campaign_id in filled.idle else [])
    except Unavailable as error:
        log.warning("first_wave_postponed", campaign_id=campaign_id, message=str(error))
        return Filled((), (), ())
    return filled


def _started_by_others(dialer: Dialer, opened: _Opened, campaign_id: str) -> Sequence[StartedCall]:
    """The calls of the run that was just opened where workers, whom something else woke, were quicker to begin it."""
    if not opened.remaining:
        return ()
    return once(dialer.db, partial(runs.calls, campaign_id=campaign_id, run_id=opened.run_id, most=MOST_STARTED))


def start(dialer: Dialer, campaign_id: str) -> str | None:
    """Start a scheduled campaign whose instant has come; ``None`` if somebody else did, or it moved. One that comes
    later than its ``startNoLaterThanMinutes`` allow, or after its end, or lacks a purpose that it must have, becomes a
    draft instead, which says so. Returns the team to fill."""

    def work(conn: Connection) -> str | None:
        row = _find(conn, campaign_id, None)
        is_due = row.scheduled_start_at is not None and row.scheduled_start_at <= row.now
        if row.status != CampaignStatus.SCHEDULED or row.deleted_at is not None or not is_due:
            return None
        lacks = lacks_purpose(dialer, row)
        if lacks or _is_missed(row):
            campaigns.move(conn, Verb.UNSCHEDULE, campaign_id, is_missed=True)
            detail = {"at": row.scheduled_start_at} | ({"reason": PurposeRequired.code} if lacks else {})
            campaigns.audit(conn, campaign_id, "dialer", "miss_start", detail)
            return None
        _open(conn, Verb.START, row, "schedule", None)
        return str(row.team_id)

    team_id = transact(dialer.db, work)
    if team_id is not None:
        crashpoint("promote.after_commit")
        log.info("campaign_started", campaign_id=campaign_id)
    return team_id


def _is_missed(row: CampaignRow) -> bool:
    """Whether a start comes so late that it is none any more: nobody was at work."""
    if row.scheduled_end_at is not None and row.scheduled_end_at <= row.now:
        return True
    if row.scheduled_start_at is None or row.start_no_later_than_minutes is None:
        return False
    return row.now > row.scheduled_start_at + timedelta(minutes=row.start_no_later_than_minutes)


def resume(dialer: Dialer, campaign_id: str, *, actor: str, team_id: str | None = None) -> list[Step]:
    """Let a paused campaign go on with its run. One whose budget is used up wants a new run instead: which
    budget it should have, nobody but the operator knows."""

    def work(conn: Connection) -> str:
        row = _legal(conn, Verb.RESUME, campaign_id, team_id)
        refuse_without_purpose(dialer, row)
        if not campaigns.has_open_run(conn, campaign_id):
            raise Conflict(f"Campaign {campaign_id} is paused because its run has used its maxCalls; open a new run.")
        if campaigns.move(conn, Verb.RESUME, campaign_id) is None:
            raise refused(conn, Verb.RESUME, campaign_id)
        campaigns.audit(conn, campaign_id, actor, "resume", {})
        return str(row.team_id)

    dialer.slots.server()
    team = transact(dialer.db, work)
    log.info("campaign_resumed", campaign_id=campaign_id)
    return list(_first_wave(dialer, team, campaign_id).steps)


def _check(max_calls: int | None) -> None:
    if max_calls is None:
        return
    if isinstance(max_calls, bool) or not isinstance(max_calls, int) or not 1 <= max_calls <= MOST_CALLS:
        raise Invalid([Fault("maxCalls", f"Give a whole number from 1 to {MOST_CALLS}.")])


def _find(conn: Connection, campaign_id: str, team_id: str | None) -> CampaignRow:
    """The campaign's row, locked."""
    campaigns.lock(conn, campaign_id)
    row = campaigns.get(conn, campaign_id, team_id)
    if row is None:
        raise NotFound("campaign", campaign_id)
    return row


def _legal(conn: Connection, verb: Verb, campaign_id: str, team_id: str | None) -> CampaignRow:
    row = _find(conn, campaign_id, team_id)
    sources, _ = CAMPAIGN_MOVES[verb]
    if row.deleted_at is not None or row.status not in sources:
        raise refused(conn, verb, campaign_id)
    return row


def _open(
    conn: Connection,
    verb: Verb,
    row: CampaignRow,
    opened_by: str,
    max_calls: int | None,
    run_id: str | None = None,
    *,
    actor: str | None = None,
) -> tuple[str, str | None]:
    """Write the run, and screen the exceptions; the run's id, and that of the one it replaced. The campaign's row is
    locked."""
    if verb is Verb.RUN:
        contacts.screen(conn, row.team_id, row.id)
        _refuse_if_nothing_waits(conn, row)
    run_id = run_id or ids.new(ids.RUN)
    replaced = runs.open_run(conn, row.id, run_id, opened_by=opened_by, max_calls=max_calls)
    if campaigns.move(conn, verb, row.id, run_id=run_id) is None:
        raise refused(conn, verb, row.id)
    if verb is Verb.START:
        contacts.screen(conn, row.team_id, row.id)
    if row.keys_through is not None:
        rules.rekey(conn, row.id)
    campaigns.audit(conn, row.id, actor or opened_by, "run", {"runId": run_id, "maxCalls": max_calls})
    return run_id, replaced


def _opened(conn: Connection, dialer: Dialer, row: CampaignRow, ids_of_runs: tuple[str, str | None]) -> _Opened:
    """What is to be answered about a run that was just opened."""
    causes = contacts.count_out_of_reach(conn, row.id)
    out = contacts.out_of_reach(conn, row.id) if causes else ()
    counts = counters.read(conn, [row.id])[row.id]
    due = wakes.next_due(conn, [row.id])[0]
    return _Opened(
        run_id=ids_of_runs[0],
        replaced_run_id=ids_of_runs[1],
        team_id=row.team_id,
        causes={Reason(reason): count for reason, count in causes.items()},
        unreached=tuple(Unreached(r.contact_id, r.name, r.phone, Reason(r.reason)) for r in out),
        remaining=counts["pending"] + counts["queued"],
        opens_at=_opens_at(due, dialer.bounds.closing_margin_seconds),
        has_window=row.call_window_start is not None,
        warnings=warnings_of_run(conn, row),
        missing=missing_variables(conn, row),
        now=row.now,
        zone=row.call_window_timezone,
        row=row,
    )


def _refuse_if_over(row: CampaignRow) -> None:
    if row.scheduled_end_at is None or row.scheduled_end_at > row.now:
        return
    how = "move its scheduledEndAt first" if row.status in EDITABLE else "make another one for who is left"
    at = when(row.scheduled_end_at, row.now, row.call_window_timezone)
    raise Conflict(f"Campaign {row.id} has ended ({at}) and dials nobody more; {how}.")


def _refuse_if_nothing_waits(conn: Connection, row: CampaignRow) -> None:
    has = campaigns.waiting(conn, row.id)
    if not has.any:
        raise Conflict(f"Campaign {row.id} has no contacts; add contacts first.")
    if not has.waiting and row.status == CampaignStatus.COMPLETED:
        raise Conflict(
            f"Campaign {row.id} is completed and cannot become running: no contact is waiting; add some first."
        )


def _opens_at(row: DueCampaign, margin_seconds: float) -> datetime | None:
    """When the first window of a waiting contact opens; ``None`` when a call may be committed now, or nobody
    waits. A window that closes within the margin counts as shut."""
    opens: list[datetime] = []
    for zone, due in row.due_by_zone:
        at = None if due is None else first_moment(row, zone, row.now, margin_seconds)
        if at == row.now:
            return None
        if at is not None:
            opens.append(at)
    return min(opens, default=None)


def _preview(dialer: Dialer, campaign_id: str, open_it: Callable[[Connection], _Opened]) -> RunResult:
    """Do everything the run would do to the rows, and undo it."""

    def work(conn: Connection) -> RunResult:
        opened = open_it(conn)
        reserved: list[Reservation] = []
        for _ in range(5):
            claimed = claim(conn, dialer, opened.team_id, CandidatePage([campaign_id]), lambda plan: plan.calls)
            reserved += claimed.reservations
            has_more = claimed.plan.has_shut or (claimed.plan.has_more and claimed.reservations)
            if not (claimed.again or has_more):
                break
        result = _result(opened, campaign_id, reserved, dry_run=True)
        left_out = {Reason(reason): count for reason, count in contacts.count_out_of_reach(conn, campaign_id).items()}
        waits = read_waits(conn, opened.row, dialer.bounds.closing_margin_seconds, left_out)
        waits.now.add(len(result.calls))
        conn.rollback()
        return replace(result, waits=waits)

    return once(dialer.db, work)


def _result(opened: _Opened, campaign_id: str, reserved: Sequence[StartedCall], *, dry_run: bool) -> RunResult:
    mine = tuple(reservation for reservation in reserved if reservation.campaign_id == campaign_id)
    return RunResult(
        run_id=None if dry_run else opened.run_id,
        calls=mine,
        failed=sum(opened.causes.values()),
        errors=tuple(error_sentence(one.contact_id, one.reason) for one in opened.unreached),
        remaining=max(0, opened.remaining - len(mine)),
        opens_at=opened.opens_at,
        has_window=opened.has_window,
        warnings=(*opened.warnings, *opened.missing.warnings),
        missing=opened.missing.contacts if dry_run else (),
        dry_run=dry_run,
        replaced_run_id=opened.replaced_run_id,
        now=opened.now,
        zone=opened.zone,
        causes=opened.causes,
        unreached=opened.unreached,
    )
