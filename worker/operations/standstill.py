"""What stands still, and what waits: one reading of the rows, for whoever wants to know whether the dialer gets on.

It is not about who is busy, for a process can be that for ever, but since when nothing has moved. Doctor, readiness
and the watchdogs all read this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from worker import clock
from worker.domain.hours import Hours
from worker.domain.model import Bounds
from worker.domain.standstill import STILL_SECONDS, Kind, Standstill, Waiting, standstills
from worker.flow.base import window_of
from worker.store import ticks
from worker.store.database import Database, once
from worker.store.reads import standstill
from worker.store.reads.standstill import CallsOfNumber, IdleCampaign

AGAIN_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StandstillReading:
    """What waits at one instant (``at``, the database server's clock), and what of it stands still."""

    at: datetime
    waiting: Sequence[Waiting]
    still: Sequence[Standstill]


def read_once(conn: Connection, bounds: Bounds) -> StandstillReading:
    """Everything that waits now, in a transaction of the caller's."""
    at = standstill.machine_now(conn)
    recovery = bounds.rate_recovery_seconds
    silence, events = ticks.silence(conn), standstill.waiting_events(conn)
    waiting = [
        Waiting(Kind.TICK, 1, silence.seconds, has_begun=silence.has_ticked),
        Waiting(Kind.NEWS, events.waiting, events.seconds),
        *(_due(standstill.could_call(conn, after_seconds=STILL_SECONDS, recovery_seconds=recovery), bounds)),
        *_live(standstill.live(conn, recovery_seconds=recovery)),
        *(Waiting(Kind.HANG_UPS, r.waiting, r.seconds, r.account_id, r.name) for r in standstill.to_be_ended(conn)),
    ]
    return StandstillReading(at, waiting, standstills(waiting, bounds, at))


def read_standstill(
    db: Database, bounds: Bounds, *, pause: Callable[[float], object] = clock.pause
) -> StandstillReading:
    """What waits, and what of it stands still, seen twice: what moved in the second between the two was only passing
    through, as a slot is that a long call has just given back."""
    first = once(db, lambda conn: read_once(conn, bounds))
    if not first.still:
        return first
    pause(AGAIN_AFTER_SECONDS)
    second = once(db, lambda conn: read_once(conn, bounds))
    seen = {each.key for each in first.still}
    return StandstillReading(second.at, second.waiting, [each for each in second.still if each.key in seen])


def read_campaign_standstill(conn: Connection, campaign_id: str, bounds: Bounds) -> StandstillReading:
    """What of one campaign waits, and what of that stands still."""
    at, recovery = standstill.machine_now(conn), bounds.rate_recovery_seconds
    row = standstill.could_call_in(conn, campaign_id, recovery_seconds=recovery)
    waiting = [
        *_due([] if row is None else [row], bounds),
        *_live(standstill.live_in(conn, campaign_id, recovery_seconds=recovery)),
    ]
    return StandstillReading(at, waiting, standstills(waiting, bounds, at))


def _due(rows: Iterable[IdleCampaign], bounds: Bounds) -> list[Waiting]:
    found = []
    for row in rows:
        ages = [age for zone, epoch in row.due_by_zone if (age := _open_for(row, zone, epoch, bounds)) is not None]
        if ages:
            seconds = min(row.seconds, max(ages) / row.speed)
            found.append(Waiting(Kind.DUE, 1, max(0.0, seconds), row.id, row.name, row.turn_seconds or 0.0))
    return found


def _open_for(row: IdleCampaign, zone: str, epoch: float | None, bounds: Bounds) -> float | None:
    """For how many seconds of business time the first contact of a zone has been due with its window open; ``None``
    where that is not so now."""
    now = row.now
    due_at = None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)
    if due_at is None or due_at > now:
        return None
    window = window_of(row, zone)
    if window is not None:
        if window.open_until(now, bounds.closing_margin_seconds) is None:
            return None
        due_at = max(due_at, _opened_at(window, now))
    return (now - due_at).total_seconds()


def _opened_at(window: Hours, now: datetime) -> datetime:
    """When the window, which is open, opened last; a day ago, if that is longer ago."""
    at = now - timedelta(days=1)
    while (shuts_at := window.next_close(at)) <= now:
        at = window.next_open(shuts_at) or now
    return at


def _live(rows: Sequence[CallsOfNumber]) -> list[Waiting]:
    """What waits inside workers, by carrier account."""
    accounts: dict[str, list[CallsOfNumber]] = defaultdict(list)
    for row in rows:
        accounts[row.account_id].append(row)
    return [waiting for of_one in accounts.values() for waiting in _of_account(of_one) if waiting.count]


def _of_account(rows: Sequence[CallsOfNumber]) -> Iterator[Waiting]:
    """``rows`` are those of its numbers. Reserved calls wait for their turn at two rates."""
    account, name = rows[0].account_id, rows[0].name
    reserved = sum(row.reserved for row in rows)
    turns = [_turns(reserved, rows[0].account_rate), *(_turns(row.reserved, row.number_rate) for row in rows)]
    oldest = max(row.reserved_seconds for row in rows)
    yield Waiting(Kind.PLACING, reserved, oldest, account, name, max(turns))
    under_way, longest = sum(row.dialing for row in rows), max(row.dialing_seconds for row in rows)
    yield Waiting(Kind.REQUESTS, under_way, longest, account, name)
    overdue, since = sum(row.overdue for row in rows), max(row.overdue_seconds for row in rows)
    yield Waiting(Kind.LOOK_UPS, overdue, since, account, name)


def _turns(count: int, rate: float | None) -> float:
    return 0.0 if rate is None else count / float(rate)
