"""All campaigns of a team at a glance: what each does or waits for, and what it has done today.

Of those that run the planner is asked, as for one that is watched alone, as far as they are few; what the others wait
for stands in their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from worker.domain.activity import Activity, activity
from worker.domain.errors import Refused
from worker.domain.model import CampaignStatus
from worker.domain.reach import reach
from worker.domain.situation import Away, Situation
from worker.domain.window import local_time
from worker.flow.base import Dialer
from worker.operations.progress import TICK_OLD_SECONDS, Standing, as_read, finish_reading, read_standing
from worker.store import counters, ticks
from worker.store.database import once
from worker.store.reads import watching
from worker.store.reads.watching import BoardRow, TodaysCalls
from worker.store.ticks import Silence

MOST_CAMPAIGNS = 100
MOST_PLANNED = 20
_OTHERS_RUN = Activity("running", "It runs; watch it to see what it does.", is_dialing=True)


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign: its contacts by the words of :mod:`worker.domain.reach`, what it does or waits for, and how many
    calls it has dialed today on its own clock, of which so many were ``answered``."""

    row: BoardRow
    reach: Mapping[str, int]
    activity: Activity
    calls_today: int
    answered_today: int


@dataclass(frozen=True, slots=True)
class Board:
    """The team's campaigns, those at work first; ``count`` is how many there are in all."""

    count: int
    lines: Sequence[Line]


def read_board(dialer: Dialer, team_id: str, *, broker_answers: Callable[[], bool]) -> Board:
    """Read how they do now."""

    def work(
        conn: Connection,
    ) -> tuple[int, Sequence[Line], dict[str, Standing]]:
        silence = ticks.silence(conn)
        count, rows = watching.board(conn, team_id, most=MOST_CAMPAIGNS)
        counts = counters.read(conn, [row.id for row in rows])
        today = watching.todays_calls(conn, {row.id: _midnight(row) for row in rows})
        running = [row.id for row in rows if row.status == CampaignStatus.RUNNING][:MOST_PLANNED]
        lines = [_line(row, counts[row.id], today.get(row.id), silence) for row in rows]
        return count, lines, {each: read_standing(conn, dialer, team_id, each) for each in running}

    count, lines, standings = once(dialer.db, work)
    found = {each: finish_reading(dialer, standing, broker_answers).activity for each, standing in standings.items()}
    return Board(count, [replace(line, activity=found.get(line.row.id, line.activity)) for line in lines])


def _line(row: BoardRow, counts: Mapping[str, int], today: TodaysCalls | None, silence: Silence) -> Line:
    calls, answered = (0, 0) if today is None else (today.calls, today.answered)
    read = as_read(row, counts)
    return Line(row, reach(row.status, read), _at_rest(row, read, silence), calls, answered)


def _at_rest(row: BoardRow, counts: Mapping[str, int], silence: Silence) -> Activity:
    """What a campaign does that does not run, by its counters as they are read."""
    if row.status == CampaignStatus.RUNNING:
        return _OTHERS_RUN
    return activity(
        Situation(
            status=CampaignStatus(row.status),
            now=row.now,
            pause_reason=row.pause_reason,
            scheduled_start_at=row.scheduled_start_at,
            away=Away.TICK if silence.seconds > TICK_OLD_SECONDS else None,
            silent_seconds=silence.seconds if silence.has_ticked else None,
            missed_start_at=row.missed_start_at,
            is_closing=row.closing_at is not None,
            left=counts["cancelled"],
            waiting=counts["pending"] + counts["queued"],
            live=row.live,
            limit=row.max_concurrent_calls,
            zone=row.call_window_timezone,
        )
    )


def _midnight(row: BoardRow) -> datetime:
    """When the campaign's day began, on its own clock."""
    try:
        local = local_time(row.now, row.call_window_timezone or "UTC")
    except Refused:
        local = None
    read = local or row.now.astimezone(UTC)
    return row.now - timedelta(hours=read.hour, minutes=read.minute, seconds=read.second)
