"""Look at the campaigns whose instant to be looked at has come.

``next_wake_at`` is when the next contact falls due, a window opens, or — because a message may have been lost
— a minute from now at the latest while anything of the campaign waits or lives. One that is kept open and has nobody
to call sleeps until somebody is put into it. A campaign with contacts due
now and no slot free is looked at on every tick; it is the settling of its calls that fills it at once.

A turn takes so many campaigns and no more. Where that was not all, one message follows another, each a turn of its own
that any worker may take, so that five thousand windows that open at once keep no thread and no lock for long. The tick
starts such a row of messages only while none is under way. A row that broke off is noticed by the next tick; what it
had taken is free again a few seconds later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.errors import Unavailable
from worker.domain.window import RULES_END
from worker.flow.base import Dialer, Step, Wake, window_of
from worker.flow.close import close_down
from worker.flow.fill import fill
from worker.flow.finish import finish
from worker.flow.stop import sweep
from worker.store import campaigns, rules, ticks, wakes
from worker.store.database import once, single, transact
from worker.store.wakes import Alarm, DueCampaign, DueCampaigns

log = structlog.get_logger()

SOONEST = timedelta(seconds=1)
LATEST = timedelta(seconds=60)
SOON = timedelta(seconds=5)
"""Where a call may end whose callee asks to be called back in a moment: who is on the phone is due at no instant
yet."""

MOST = 200
"""Campaigns a turn looks at."""
MOST_TEAMS = 20
"""Teams of which a turn fills the campaigns that lack a slot."""
MOST_SWEEPS = 10
"""Cancelled and closing campaigns of which a turn sweeps contacts, a batch of each."""
REKEYS = 5
"""How often a turn goes on moving contacts of a campaign from the keys it went by before."""
MOST_FAILURES = 3
"""How many teams a turn passes over that cannot be filled because a service, or their lock, is not to be had."""
ROW, ROW_BROKEN_AFTER_SECONDS = "wake", 5.0
"""The name of the row of messages among the ticks, and how long it is silent when it has broken off."""
FILLED = "fill "
"""Before a team's id: the name under which it is noted when its campaigns that lack a slot were last looked at."""


def wake(dialer: Dialer) -> list[Step]:
    """The tick's turn; if there is more to look at, and nobody does, a message that goes on."""
    steps, more = _turn(dialer, "")
    if more is not None and transact(dialer.db, _begin_row):
        steps.append(more)
    return steps


def _begin_row(conn: Connection) -> bool:
    return ticks.claim(conn, ROW, every_seconds=ROW_BROKEN_AFTER_SECONDS)


def wake_more(dialer: Dialer, after_team: str | None) -> list[Step]:
    """A turn of those that a message asks for, and the message for the next one."""
    once(dialer.db, lambda conn: ticks.touch(conn, ROW))
    steps, more = _turn(dialer, after_team)
    if more is not None:
        return [*steps, more]
    once(dialer.db, lambda conn: ticks.free(conn, ROW))
    return steps


def _turn(dialer: Dialer, after_team: str | None) -> tuple[list[Step], Wake | None]:
    """Fill the teams that have gone short, then every running campaign that is due to be looked at, and set when to
    look again; sweep the waiting contacts of cancelled ones. Returns what follows, and whether another turn does."""

    def take(conn: Connection) -> DueCampaigns:
        return wakes.take(conn, most=MOST, most_cancelled=MOST_SWEEPS, after_team=after_team, most_teams=MOST_TEAMS)

    taken = single(dialer.db, take)
    crashpoint("wake.after_take")
    for campaign_id in taken.stale:
        _rekey(dialer, campaign_id)
    steps, filled = _fill(dialer, dict.fromkeys(taken.starved_teams, ()), starved=True)
    if filled:
        once(dialer.db, lambda conn: ticks.touch(conn, *(FILLED + team_id for team_id in filled)))
    others, filled = _fill(dialer, taken.running, starved=False)
    running = [campaign_id for team_id in filled for campaign_id in taken.running[team_id]]
    if running:
        finish(dialer, transact(dialer.db, lambda conn: _set_alarms(conn, running)))
    for campaign_id in taken.cancelled:
        sweep(dialer, campaign_id)
    for campaign_id in taken.closing:
        close_down(dialer, campaign_id)
    return [*steps, *others], _more(taken)


def _fill(dialer: Dialer, campaigns_of: Mapping[str, Sequence[str]], *, starved: bool) -> tuple[list[Step], list[str]]:
    """Fill these campaigns, team by team; the steps that follow, and the teams that were filled. One team that cannot
    be, because somebody holds its lock for long, keeps no other from its turn."""
    steps: list[Step] = []
    filled: list[str] = []
    failures = 0
    for team_id, campaign_ids in campaigns_of.items():
        try:
            steps += fill(dialer, team_id, campaign_ids, starved=starved).steps
        except Unavailable as error:
            failures += 1
            if failures == MOST_FAILURES:
                raise
            log.warning("fill_postponed", team_id=team_id, message=str(error))
        else:
            filled.append(team_id)
    return steps, filled


def _rekey(dialer: Dialer, campaign_id: str) -> None:
    """Let contacts of a campaign wait where they should by what it goes by now, some thousand at a turn."""
    for _ in range(REKEYS):
        if not transact(dialer.db, lambda conn: rules.rekey(conn, campaign_id)):
            return


def _more(taken: DueCampaigns) -> Wake | None:
    """The message for the next turn, where this one may have left something."""
    has_teams = len(taken.starved_teams) == MOST_TEAMS
    is_sweeping = len(taken.cancelled) + len(taken.closing) == MOST_SWEEPS
    has_campaigns = is_sweeping or sum(map(len, taken.running.values())) == MOST
    if not (has_teams or has_campaigns):
        return None
    return Wake(taken.starved_teams[-1] if has_teams else None)


def _set_alarms(conn: Connection, campaign_ids: Sequence[str]) -> list[str]:
    """Set the next instant of each; returns those of which nothing lives and nothing waits that may be called."""
    campaigns.lock_all(conn, campaign_ids)
    rows = wakes.next_due(conn, campaign_ids)
    wakes.set_alarms(conn, [Alarm(row.id, alarm(row)) for row in rows])
    return [row.id for row in rows if not row.is_live and (row.is_spent or not _waits(row))]


def _waits(row: DueCampaign) -> bool:
    return any(epoch is not None for _, epoch in row.due_by_zone)


def alarm(row: DueCampaign) -> datetime:
    """When to look at the campaign of this row (:func:`worker.store.wakes.next_due`) again."""
    now: datetime = row.now
    if row.keep_open and not row.is_live and not _waits(row):
        return RULES_END  # until somebody is put into it
    if row.has_stale_keys:
        return now + SOONEST
    soonest = now + (SOON if row.has_callbacks and row.is_live else LATEST)
    for zone, epoch in row.due_by_zone:
        if epoch is None:
            continue
        at: datetime | None = max(now, datetime.fromtimestamp(float(epoch), UTC))
        window = window_of(row, zone)
        if window is not None and at is not None and at <= soonest:
            at = window.next_open(at)
        if at is not None:
            soonest = min(soonest, at)
    return max(soonest, now + SOONEST)
