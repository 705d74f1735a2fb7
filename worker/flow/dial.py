"""Place reserved calls: pace, commit, send.

The order is the guarantee. ``dialing`` is committed before the request leaves, so a crash at any point leaves
a row that says "it may have left", and nothing is ever sent a second time on a doubt. The commit happens under
the team's lock, shared, which stops and policy edits take exclusively: they are seen, or they wait.

Between the commit and the request lies the send fence: what has not left in time is not sent at all, because
whatever was checked before the commit is no longer true enough. So no more calls are committed than the account has
senders free (:mod:`worker.bulkheads`), each of which begins at once; the others stay reserved. Where nothing has to be
waited for, the claim has committed them already (:mod:`worker.flow.departing`).

The answers are waited for as long as a carrier usually takes, and written together
(:mod:`worker.flow.results`). A carrier that takes longer keeps its senders, and nobody else.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from sqlalchemy import Connection

from worker.bulkheads import Taken, Together
from worker.carriers.base import Action, NotSent, Outcome, Rejected
from worker.clock import monotonic, pause
from worker.crashpoint import crashpoint
from worker.flow.base import Batch, Dial, Dialer, Step, valid_until
from worker.flow.call_request import call_request_for, turn_away
from worker.flow.ending import release
from worker.flow.lawful import Passed, passes
from worker.flow.pacing import rates_of_account
from worker.flow.results import Result, record_results
from worker.law.words import Consent
from worker.slots import Kind, Rate, Scope
from worker.store import breakers, dialing, gate
from worker.store.breakers import Probe
from worker.store.database import once
from worker.store.dialing import Departure, ReservedCall
from worker.store.moves import Move
from worker.threads import Work

FIRST_SENDERS = 4
SOON_SECONDS = 0.01
"""As many threads send at first; so long after that, as many more as there are calls left."""
PACED_WITHIN_SECONDS = 1.0
"""A message goes on only with calls whose turn comes this soon; the others become the next message."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A call whose turn comes at ``leaves_at`` on this machine's monotonic clock, however long the thread that
    places it was busy with others."""

    row: ReservedCall
    leaves_at: float


class _Sending:
    """A batch whose calls may leave: threads of the account take one after the other. Each answer that comes once the
    batch is over is given to ``late``.

    A carrier that answers at once needs few threads. Where some do not come back soon, as many more begin as there are
    calls left, so that each leaves long before the fence."""

    def __init__(
        self, send: Callable[[_Ready], Outcome], batch: Sequence[_Ready], late: Callable[[Result], None]
    ) -> None:
        self._send, self._late = send, late
        self._left = deque(batch)
        self._expected = len(batch)
        self._results: list[Result] = []
        self._is_over = False
        self._is_whole = threading.Event()
        self._lock = threading.Lock()

    def begin(self, run: Callable[[Work], None], permits: Sequence[Callable[[], None]]) -> None:
        """Let them leave; each gives back one of the permits when it is answered."""
        self._permits = deque(permits)
        for _ in range(min(FIRST_SENDERS, self._expected)):
            run(self._work)
        if self._left and not self._is_whole.wait(SOON_SECONDS):
            for _ in range(len(self._left)):
                run(self._work)

    def gather(self, seconds: float) -> list[Result]:
        """What has come when all has, or after so long."""
        if self._expected:
            self._is_whole.wait(seconds)
        with self._lock:
            self._is_over = True
            return self._results

    def _work(self) -> None:
        while (ready := self._next()) is not None:
            give_back = self._permits.popleft()
            try:
                self._add((ready.row, self._send(ready)))
            finally:
                give_back()

    def _next(self) -> _Ready | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def _add(self, result: Result) -> None:
        with self._lock:
            if not self._is_over:
                self._results.append(result)
                if len(self._results) == self._expected:
                    self._is_whole.set()
                return
        self._late(result)


def dial(dialer: Dialer, call_ids: Sequence[str], senders: Taken | None = None) -> list[Step]:
    """Place those of the calls that are still only reserved, whose turn at the carrier has come, and for which their
    account has a sender free. Who has taken ``senders`` for them names calls of one account."""
    with dialer.bulkheads.at_database:
        rows, steps = turn_away(dialer, once(dialer.db, lambda conn: _reserved(conn, dialer, call_ids)))
    for account_id, of_it in groupby(sorted(rows, key=_account_of), key=_account_of):
        batch = list(of_it)
        if senders is not None:
            steps += _dial_account(dialer, account_id, batch, senders)
            continue
        with dialer.bulkheads.of(account_id).senders.taken(len(batch)) as own:
            steps += _dial_account(dialer, account_id, batch, own)
    return steps


def _reserved(conn: Connection, dialer: Dialer, call_ids: Sequence[str]) -> Sequence[ReservedCall]:
    recovery = dialer.bounds.rate_recovery_seconds
    return dialing.reserved_calls(conn, call_ids, recovery_seconds=recovery, sharing=dialer.sharing)


def _account_of(row: ReservedCall) -> str:
    return str(row.account_id)


def _dial_account(dialer: Dialer, account_id: str, rows: Sequence[ReservedCall], senders: Taken) -> list[Step]:
    now = rows[: senders.count]
    waits = dialer.rates.take([_rates(row) for row in now], PACED_WITHIN_SECONDS)
    taken_at = monotonic()
    ready = [_Ready(row, taken_at + wait) for row, wait in zip(now, waits, strict=True) if wait is not None]
    senders.keep(len(ready))
    later = tuple(row.id for row, wait in zip(now, waits, strict=True) if wait is None)
    later += tuple(row.id for row in rows[len(now) :])
    steps = _send(dialer, account_id, ready, senders) if ready else []
    if later and now and not ready:
        pause(PACED_WITHIN_SECONDS / 2)  # others hold the places of the next second; asking again at once is a spin
    if later:
        steps.append(Dial(account_id, later))
    return steps


def place(dialer: Dialer, batch: Batch) -> list[Step]:
    """Place the calls of an account that a claim has committed."""
    now = monotonic()
    ready = [_Ready(call, now) for call in batch.calls]
    return _request(dialer, batch.account_id, ready, batch.senders, batch.fence_at)


def _send(dialer: Dialer, account_id: str, batch: Sequence[_Ready], senders: Taken) -> list[Step]:
    crashpoint("dial.before_commit")
    with dialer.bulkheads.at_database:
        fence_at = monotonic() + dialer.bounds.send_fence_seconds
        committed = set(once(dialer.db, lambda conn: _commit(conn, dialer, batch)))
    sent = [ready for ready in batch if ready.row.id in committed]
    senders.keep(len(sent))
    held_back = [release(r.row.id, "no longer callable") for r in batch if r.row.id not in committed]
    return _request(dialer, account_id, sent, senders, fence_at, held_back)


def _request(
    dialer: Dialer,
    account_id: str,
    sent: Sequence[_Ready],
    senders: Taken,
    fence_at: float,
    held_back: Sequence[Move] = (),
) -> list[Step]:
    """Let these calls, which are committed, leave, and write down what their carrier answers."""
    crashpoint("dial.after_commit")
    bulkhead = dialer.bulkheads.of(account_id)
    sending = _Sending(_sender(dialer, fence_at), sent, late=partial(_record_late, dialer, bulkhead.late))
    sending.begin(bulkhead.run, [senders.spend() for _ in sent])
    last_leaves_at = max((ready.leaves_at for ready in sent), default=0.0)
    patience = max(0.0, last_leaves_at - monotonic()) + dialer.bounds.gather_seconds
    return record_results(dialer, sending.gather(patience), held_back)


def _record_late(dialer: Dialer, late: Together[Result], result: Result) -> None:
    late.bring(result, lambda results: dialer.follow_up(record_results(dialer, results)))


def _rates(row: ReservedCall) -> list[Rate]:
    rates = rates_of_account(row)
    if row.number_rate is not None:
        rates.append(Rate(Scope(Kind.NUMBER, row.number_id), row.number_rate))
    return rates


def _commit(conn: Connection, dialer: Dialer, batch: Sequence[_Ready]) -> list[str]:
    """Write ahead which calls may leave; see :func:`worker.store.dialing.commit_dialing` for what is checked."""
    departures: list[Departure] = []
    for ready in batch:
        row = ready.row
        second = None if row.secondary is None else row.to_number
        until = valid_until(row, row.zone, row.now, dialer.bounds.closing_margin_seconds, second_number=second)
        passed = passes(row, row.zone, row.now, Consent(row.consent), second_number=second)
        if until is not None and isinstance(passed, Passed):
            departures.append(Departure(row.id, until, row.policy_version, passed.law))
    if not departures:
        return []
    gate.pass_gate(conn, batch[0].row.team_id)  # an account is of one team
    tripped = {ready.row.account_id: ready.row.id for ready in reversed(batch) if ready.row.is_tripped}
    if tripped:
        breakers.take_probes(conn, [Probe(account, tripped[account]) for account in sorted(tripped)])
    return dialing.commit_dialing(conn, dialer.bounds, departures)


def _sender(dialer: Dialer, fence_at: float) -> Callable[[_Ready], Outcome]:
    full: set[str] = set()
    """The accounts that have no channel free, as one of these requests was answered; the others need not ask."""

    def send(ready: _Ready) -> Outcome:
        pause(ready.leaves_at - monotonic())
        if monotonic() > fence_at:
            return NotSent("the send fence had passed", connection=False)
        if ready.row.account_id in full:
            return NotSent("the carrier had no channel free", connection=False)
        outcome = dialer.carriers[ready.row.carrier].place(call_request_for(dialer, ready.row, leave_by=fence_at))
        if isinstance(outcome, Rejected) and outcome.action is Action.CHANNELS:
            full.add(ready.row.account_id)
        return outcome

    return send
